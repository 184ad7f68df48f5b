/**
 * The word that lets tunnels speak, given again and again as long as this process lives: what nobody gives it for any more
 * is silent, and so no far end hears two nodes.
 */
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import { SPEECH_SECONDS, type TunnelWay, type TunnelWays } from './port.ts';

/** Often enough that one time too late is not the end. */
const AGAIN: Milliseconds = 500;
const HOLDS: Milliseconds = SPEECH_SECONDS * 1000;

export interface SpeechOptions {
  readonly clock: Clock;
  readonly ways: Pick<TunnelWays, 'keepSpeaking'>;
  /** Those that rules are set for. */
  readonly led: () => readonly TunnelWay[];
  readonly may: (way: TunnelWay) => boolean;
  /** This process was held up for longer than its word holds: somebody else may speak by now. */
  readonly onLapse: () => void;
  /** Somebody took the rules away. */
  readonly onLost: () => void;
  /** The word was given. */
  readonly onSpoken: () => void;
}

export class Speech {
  readonly #options: SpeechOptions;
  #spokeAt: Milliseconds = 0;
  #timer: Timer | undefined;

  constructor(options: SpeechOptions) {
    this.#options = options;
  }

  /** Rules have just been set, and they count as the word. */
  given(): void {
    this.#spokeAt = this.#options.clock.now();
  }

  /** Goes on by itself until {@link stop}. */
  keep(): void {
    this.#timer ??= this.#options.clock.after(AGAIN, () => {
      this.#timer = undefined;
      this.keep();
      this.#give();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #give(): void {
    const { clock, ways, led, may, onLapse, onLost, onSpoken } = this.#options;
    const all = led();
    const isLate = clock.now() - this.#spokeAt > HOLDS;
    this.#spokeAt = clock.now();
    if (all.length > 0 && isLate) return onLapse();
    if (all.length > 0 && !ways.keepSpeaking(all.filter(may).map(({ listenPort }) => listenPort))) onLost();
    onSpoken();
  }
}

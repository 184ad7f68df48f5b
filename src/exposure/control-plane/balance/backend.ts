/**
 * The health of one API server, as seen from the node that has the VIP. One answer that it is not ready takes it out of
 * the rotation, one that it is puts it back: new connections cost nothing elsewhere. What is under way there is ended
 * only when its port does not answer any more.
 */
import { pending, failed, ready, type Decision } from '../../../model/decision.ts';
import { hostPort } from '../../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import type { ApiBackend, AskedBackend, BackendProbes } from './port.ts';

/** An API server that takes longer serves others better by serving less. */
const PATIENCE: Milliseconds = 1000;
/** For a handshake on a LAN. */
const HANDSHAKE: Milliseconds = 300;

export interface BackendHealthOptions {
  readonly backend: ApiBackend;
  readonly clock: Clock;
  readonly probes: BackendProbes;
  readonly interval: Milliseconds;
  /** `state` has changed. */
  readonly onChange: () => void;
  /** Its port answers no more, told once until it has been ready again. */
  readonly onDeath: () => void;
}

export class BackendHealth {
  readonly backend: ApiBackend;
  readonly #options: BackendHealthOptions;
  #state: Decision;
  #dead = false;
  #asking = false;
  /** Doubt came while it was asked. */
  #again = false;
  #standing: AskedBackend | undefined;
  /** The end of a connection leads to a look. */
  #heeds = true;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: BackendHealthOptions) {
    this.#options = options;
    this.backend = options.backend;
    this.#state = pending('ApiServerNotAsked', `${this.#name} has not been asked yet`);
    void this.#round();
  }

  get state(): Decision {
    return this.#state;
  }

  /** Something says that it may have died: asked at once. */
  doubt(): void {
    this.#again = true;
    if (this.#asking || this.#stopped) return;
    this.#timer?.cancel();
    void this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#standing?.release();
  }

  /** @returns whether there was any; none any more then */
  #takeDoubt(): boolean {
    const doubted = this.#again && !this.#stopped;
    this.#again = false;
    return doubted;
  }

  /** A server may close connections without being dead: that is made sure of once between two regular looks. */
  #lost(): void {
    if (!this.#heeds || this.#asking) return;
    this.#heeds = false;
    this.doubt();
  }

  get #name(): string {
    return `the API server at ${hostPort(this.backend.ip, this.backend.port)}`;
  }

  async #round(): Promise<void> {
    const { clock, interval } = this.#options;
    const began = clock.now();
    this.#asking = true;
    await this.#ask(this.#takeDoubt());
    while (this.#takeDoubt()) await this.#ask(true);
    this.#asking = false;
    if (this.#stopped) return;
    this.#timer = clock.after(Math.max(0, began + interval - clock.now()), () => {
      this.#heeds = true;
      void this.#round();
    });
  }

  async #ask(suspected: boolean): Promise<void> {
    const { probes } = this.#options;
    // Of one that is suspected a handshake tells sooner than an answer that does not come.
    if (suspected && !(await probes.answers(this.backend, HANDSHAKE))) {
      this.#died('its port does not answer');
      return;
    }
    const asked = await probes.ask(this.backend, PATIENCE, () => this.#lost());
    // The connection of the last answer has to stand until there is another one, or a death in between goes unseen.
    this.#standing?.release();
    this.#standing = asked;
    if (this.#stopped) asked.release();
    const { answer } = asked;
    if (answer.state === 'ready') {
      this.#dead = false;
      this.#set(ready(undefined, 'ApiServerReady', `${this.#name} is ready`));
      return;
    }
    const dead =
      answer.state === 'dead' || (answer.state === 'silent' && !(await probes.answers(this.backend, HANDSHAKE)));
    if (dead) this.#died(answer.message);
    else this.#set(failed('ApiServerNotReady', `${this.#name} does not serve: ${answer.message}`));
  }

  #died(why: string): void {
    this.#standing?.release();
    this.#standing = undefined;
    this.#set(failed('ApiServerDown', `${this.#name} is gone: ${why}`));
    if (this.#dead || this.#stopped) return;
    this.#dead = true;
    this.#options.onDeath();
  }

  #set(state: Decision): void {
    if (this.#stopped) return;
    const same = this.#state.state === state.state && this.#state.message === state.message;
    this.#state = state;
    if (!same) this.#options.onChange();
  }
}

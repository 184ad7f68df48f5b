/**
 * Whether this node may have the VIP: only with an API server that serves. One that does not gives the VIP away, unless
 * no other one serves either: then nothing would be won, and whoever asks for the VIP is told at once (connection
 * refused) instead of waiting for nobody.
 */
import { pending, type Decision } from '../../model/decision.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { LocalApiServer, OtherApiServers } from './port.ts';

export interface ApiGateOptions {
  readonly clock: Clock;
  readonly local: LocalApiServer;
  readonly others: Pick<OtherApiServers, 'anyReady'>;
  readonly period: Milliseconds;
  /** Failures in a row that make it unhealthy. */
  readonly threshold: number;
  /** Whether this node has the VIP: the others are of interest only then. */
  readonly isHolding: () => boolean;
  /** Called after each change of `state` or `isLast`. */
  readonly onChange: () => void;
}

export class ApiGate {
  readonly #options: ApiGateOptions;
  #state: Decision = pending('ApiServerNotAsked', 'this node’s API server has not been asked yet');
  #failures = 0;
  #isLast = false;
  #checkedAt: Milliseconds | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: ApiGateOptions) {
    this.#options = options;
  }

  get state(): Decision {
    return this.#state;
  }

  /** This node's API server does not serve, and no other is known to. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** End of the last check, monotonic. */
  get checkedAt(): Milliseconds | undefined {
    return this.#checkedAt;
  }

  start(): void {
    void this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    const { clock, local, period } = this.#options;
    const began = clock.now();
    const answer = await local.check();
    this.#checkedAt = clock.now();
    await this.#take(answer);
    if (this.#stopped) return;
    this.#timer = clock.after(Math.max(0, began + period - clock.now()), () => void this.#round());
  }

  async #take(answer: Decision): Promise<void> {
    if (answer.state === 'ready') {
      this.#failures = 0;
      this.#set(answer, false);
      return;
    }
    this.#failures++;
    if (this.#state.state === 'ready' && this.#failures < this.#options.threshold) return;
    const { isHolding, others } = this.#options;
    this.#set(answer, isHolding() && (await others.anyReady()) === 'none');
  }

  #set(state: Decision, isLast: boolean): void {
    if (this.#stopped) return;
    const same = this.#isLast === isLast && this.#state.state === state.state && this.#state.message === state.message;
    this.#state = state;
    this.#isLast = isLast;
    if (!same) this.#options.onChange();
  }
}

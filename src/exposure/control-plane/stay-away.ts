/**
 * `kubevip handover`: the VIP leaves a node and stays away from it, as long as another control plane has it. The wish
 * stands on the Lease of the VIP, which every agent of the control plane watches anyway.
 */
import type { Decision } from '../../model/decision.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { isMine } from '../ownership/is-mine.ts';
import type { Owner } from '../ownership/port.ts';
import type { OtherApiServers } from './port.ts';

/** Nobody has the VIP for this long: better here than nowhere. More than taking over takes. */
const LONELY: Milliseconds = 3000;
/** How often the other API servers are asked: the VIP is no use where none serves. */
const ASK: Milliseconds = 3000;

export interface StayAwayOptions {
  readonly clock: Clock;
  /** Whether the VIP is to stay away from this node. */
  readonly isWished: () => boolean;
  /** Whoever is not eligible keeps the VIP until another node has it, as by heartbeats; a Lease is let go of first. */
  readonly makesBeforeBreak: boolean;
  /** Whoever serves announces the VIP, owner or not: it is withdrawn here once another API server is known to serve. */
  readonly everyNode?: boolean;
  readonly others: Pick<OtherApiServers, 'anyReady'>;
  readonly onChange: () => void;
}

export class StayAway {
  readonly #options: StayAwayOptions;
  /** The last owner that was heard of is this node. */
  #isMine = false;
  /** A Lease, or the announcement, was let go of, for others can have it. */
  #hasLeft = false;
  /** Nobody had it. */
  #isLastResort = false;
  /** No other API server serves. */
  #servesAlone = false;
  #lonelySince: Milliseconds | undefined;
  #askedAt: Milliseconds | undefined;

  constructor(options: StayAwayOptions) {
    this.#options = options;
  }

  /** Whether this node is not to have the VIP now. */
  get isAway(): boolean {
    const { isWished, makesBeforeBreak, everyNode } = this.#options;
    if (!isWished() || this.#isLastResort || this.#servesAlone) return false;
    if (everyNode === true) return this.#hasLeft;
    return makesBeforeBreak || this.#hasLeft || !this.#isMine;
  }

  /** To be told at each look at the owner; again at least every second. */
  note(owner: Decision<Owner> | undefined): void {
    const { clock, isWished, makesBeforeBreak, onChange } = this.#options;
    this.#isMine = owner !== undefined && isMine(owner);
    if (!isWished()) {
      this.#hasLeft = this.#isLastResort = this.#servesAlone = false;
      this.#lonelySince = this.#askedAt = undefined;
      return;
    }
    if (this.#askedAt === undefined || clock.now() - this.#askedAt >= ASK) void this.#ask();
    if (owner?.state === 'ready') {
      this.#lonelySince = undefined;
      // What is here for want of another is offered again where that costs nothing.
      if (!this.#isMine || makesBeforeBreak) this.#isLastResort = false;
      return;
    }
    this.#lonelySince ??= clock.now();
    if (this.#isLastResort || clock.now() - this.#lonelySince < LONELY) return;
    this.#isLastResort = true;
    onChange();
  }

  async #ask(): Promise<void> {
    const { clock, others, isWished, onChange } = this.#options;
    this.#askedAt = clock.now();
    const answer = await others.anyReady();
    if (!isWished() || answer === 'unknown') return;
    const before = this.isAway;
    if (answer === 'none') this.#servesAlone = true;
    else {
      // With a Lease nobody is known who would take it; an API server that serves elsewhere is the best sign.
      if (this.#servesAlone) this.#isLastResort = false;
      this.#servesAlone = false;
      this.#hasLeft = true;
    }
    if (this.isAway !== before) onChange();
  }
}

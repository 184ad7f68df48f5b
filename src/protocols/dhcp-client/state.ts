/** How the states of a machine fit together: each names the next one, and none knows another's insides. */
import type { Ip } from '../../model/ip.ts';
import type { Entropy, Milliseconds } from '../../model/time.ts';
import type { ClientOutput, Forms } from './events.ts';

/** What a version is made of besides its messages. */
export interface Design extends Forms {
  readonly config: { readonly requested?: Ip };
  readonly offer: { readonly ip: Ip };
  /** Names of the states that are its own. */
  readonly name: string;
  /** How they are entered, with what each needs. */
  readonly next: { readonly to: string };
}

/** What the machine remembers across states. Only the machine replaces it. */
export interface Context<C> {
  readonly config: C;
  readonly entropy: Entropy;
  /** Number of the exchange under way: answers that carry another one are not for this client. */
  readonly transaction: number;
  /** When that began; what is sent again says how long ago it was. */
  readonly begunAt: Milliseconds;
  /** Address still to be wished for: not one that was refused or is used by somebody else. */
  readonly wish: Ip | undefined;
  /** Refusals in a row. */
  readonly refusals: number;
}

/** States that rest, and are the same in either version. */
export type Rest<F extends Forms> =
  | { readonly to: 'INIT'; readonly refused?: boolean }
  | { readonly to: 'BOUND'; readonly lease: F['held'] }
  | { readonly to: 'STOPPED' };

/** Where to go next. */
export type Next<D extends Design> = Rest<D> | D['next'];

export interface Step<D extends Design> {
  readonly outputs?: readonly ClientOutput<D>[];
  readonly next?: Next<D>;
}

export interface State<D extends Design> {
  readonly name: Rest<D>['to'] | D['name'];
  /** The lease that is ours while in this state. */
  readonly lease?: D['held'];
  /** What has been asked for by REQUEST: the server may have granted it already. */
  readonly asked?: D['offer'];
  /** When to tick; undefined: never. */
  deadline(): Milliseconds | undefined;
  tick(now: Milliseconds): Step<D>;
  receive(reply: D['reply'], now: Milliseconds): Step<D>;
  /** Where `start` has to wait for something. */
  start?(): void;
  /** Only where waiting less makes sense. */
  hurry?(now: Milliseconds): void;
}

/** A state just entered, and what it does on entry. */
export interface Entered<D extends Design> {
  readonly state: State<D>;
  readonly outputs: readonly ClientOutput<D>[];
}

/** Nothing happens. */
export const STAY = {} as const;

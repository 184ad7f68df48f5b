/** What goes into a client machine and what comes out of it, by DHCPv4 as by DHCPv6. */
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';

/** The messages of a version, and a lease as its client machine holds it. */
export interface Forms {
  readonly outgoing: object;
  /** A server's message, and who brought it. */
  readonly reply: { readonly sourceIp: Ip };
  readonly held: {
    /** What the server granted. Times in seconds; 0xffffffff is for ever. */
    readonly terms: {
      readonly ip: Ip;
      readonly server: Ip;
      readonly leaseSeconds: number;
      readonly renewSeconds: number;
      readonly rebindSeconds: number;
    };
    /** All its times count from there. */
    readonly since: Milliseconds;
  };
}

export type ClientInput<F extends Forms> =
  /** Get a lease, from INIT. */
  | { readonly kind: 'start' }
  /** Go on with a lease that another node, or an earlier run, was given. */
  | { readonly kind: 'resume'; readonly lease: F['held'] }
  | { readonly kind: 'message'; readonly reply: F['reply'] }
  /** The deadline has passed. */
  | { readonly kind: 'tick' }
  /** A server has been heard, or the link came back: do not sit out the rest of a long pause. */
  | { readonly kind: 'hurry' }
  /** The link came back, and may be another one: whoever has a lease asks whether it is good there. */
  | { readonly kind: 'reconnected' }
  /** Somebody else uses the address of this lease. */
  | { readonly kind: 'conflict'; readonly lease: F['held'] }
  /** Give this lease back. */
  | { readonly kind: 'release'; readonly lease: F['held'] }
  /** Want nothing any more: what was granted, or may have been while the answer is on its way, is given back, but for `kept`. */
  | { readonly kind: 'abandon'; readonly kept?: Ip }
  /** Be silent from now on; the lease stands. */
  | { readonly kind: 'stop' };

export type ClientOutput<F extends Forms> =
  | ({ readonly kind: 'send' } & F['outgoing'])
  /** A server offers an address. */
  | { readonly kind: 'offered'; readonly ip: Ip; readonly server: Ip }
  /** The lease is ours, or still ours, with these terms: the address may have changed. */
  | { readonly kind: 'bound'; readonly lease: F['held'] }
  /** The server takes back what it offered; the client starts over. `count`: refusals in a row. */
  | { readonly kind: 'refused'; readonly server: Ip; readonly text: string | undefined; readonly count: number }
  /** A lease that was ours is not any more. The client stops; whether it shall start over is decided by its owner. */
  | { readonly kind: 'lost'; readonly lease: F['held']; readonly cause: LossCause };

export type LossCause =
  { readonly kind: 'refused'; readonly server: Ip; readonly text: string | undefined } | { readonly kind: 'expired' };

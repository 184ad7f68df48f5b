/**
 * The client of one address, without a socket, a timer or a clock: what happened goes in, what to send and what became of
 * the lease come out, and `deadline` says when to come back. What is said, and in which order, is the version's.
 */
import type { Entropy, Milliseconds } from '../../model/time.ts';
import type { ClientInput, ClientOutput } from './events.ts';
import { enterBound, enterInit, enterStopped } from './resting.ts';
import { STAY, type Context, type Design, type Entered, type Next, type Rest, type State, type Step } from './state.ts';

export interface Machine<D extends Design> {
  /** @param now monotonic; never less than in the call before. */
  handle(input: ClientInput<D>, now: Milliseconds): readonly ClientOutput<D>[];
  /** When to call with `tick`; undefined: not before something else happens. */
  deadline(): Milliseconds | undefined;
  readonly state: State<D>['name'];
  /** The lease that is ours now. */
  readonly lease: D['held'] | undefined;
  /** Number of the exchange under way. */
  readonly transaction: number;
}

export interface Version<D extends Design> {
  readonly config: D['config'];
  readonly entropy: Entropy;
  /** For a new exchange. */
  number(): number;
  /** Whether a state of its own asks something new, in an exchange of its own. */
  asksAnew(next: D['next']): boolean;
  enter(next: D['next'], context: Context<D['config']>, now: Milliseconds): Entered<D>;
  /** What INIT leads to. */
  readonly first: D['next'];
  resuming(lease: D['held']): D['next'];
  /** Asks whether a lease of its own is good where the link leads now. */
  confirming(lease: D['held']): D['next'];
  renewing(lease: D['held']): D['next'];
  declining(lease: D['held']): D['next'];
  /** Whether an answer is one to this client and this exchange. */
  isOurs(reply: D['reply'], transaction: number): boolean;
  release(context: Context<D['config']>, granted: D['held']['terms'] | D['offer'], now: Milliseconds): D['outgoing'];
}

/** A client that is stopped; `start` or `resume` sets it going. */
export function createMachine<D extends Design>(version: Version<D>): Machine<D> {
  const { config, entropy } = version;
  let context: Context<D['config']> = {
    ...{ config, entropy, transaction: 0, begunAt: 0 },
    ...{ wish: config.requested, refusals: 0 },
  };
  let state: State<D> = enterStopped<D>().state;

  const exchange = (now: Milliseconds): void => {
    context = { ...context, transaction: version.number(), begunAt: now };
  };

  const rest = (next: Rest<D>, now: Milliseconds): Entered<D> => {
    switch (next.to) {
      case 'INIT':
        context =
          next.refused === true
            ? { ...context, refusals: context.refusals + 1, wish: undefined }
            : { ...context, refusals: 0 };
        return enterInit<D>(context, version.first, now);
      case 'BOUND':
        context = { ...context, refusals: 0 };
        return enterBound<D>(context, next.lease, (lease) => version.renewing(lease));
      case 'STOPPED':
        return enterStopped<D>();
    }
  };

  const enter = (next: Next<D>, now: Milliseconds): Entered<D> => {
    if (isRest(next)) return rest(next, now);
    if (version.asksAnew(next)) exchange(now);
    return version.enter(next, context, now);
  };

  /** Follows a step to where it leads; a state whose time is already up is left at once. */
  const follow = (first: Step<D>, now: Milliseconds): ClientOutput<D>[] => {
    const outputs: ClientOutput<D>[] = [];
    let step = first;
    for (;;) {
      outputs.push(...(step.outputs ?? []));
      if (step.next === undefined) return outputs;
      const entered = enter(step.next, now);
      state = entered.state;
      outputs.push(...entered.outputs);
      const due = state.deadline();
      step = due !== undefined && due <= now ? state.tick(now) : STAY;
    }
  };

  const giveBack = (granted: D['held']['terms'] | D['offer'], now: Milliseconds): Step<D> => {
    exchange(now);
    return { outputs: [{ kind: 'send', ...version.release(context, granted, now) }], next: { to: 'STOPPED' } };
  };

  const react = (input: ClientInput<D>, now: Milliseconds): Step<D> => {
    switch (input.kind) {
      case 'start':
        if (state.start === undefined) return { next: { to: 'INIT' } };
        state.start();
        return STAY;
      case 'resume':
        return { next: version.resuming(input.lease) };
      case 'reconnected':
        return state.lease === undefined ? STAY : { next: version.confirming(state.lease) };
      case 'tick':
        return state.tick(now);
      case 'hurry':
        state.hurry?.(now);
        return STAY;
      case 'message':
        return version.isOurs(input.reply, context.transaction) ? state.receive(input.reply, now) : STAY;
      case 'conflict':
        if (input.lease.terms.ip === context.wish) context = { ...context, wish: undefined };
        return { next: version.declining(input.lease) };
      case 'release':
        return giveBack(input.lease.terms, now);
      case 'abandon': {
        const granted = state.lease?.terms ?? state.asked;
        return granted === undefined || granted.ip === input.kept
          ? { next: { to: 'STOPPED' } }
          : giveBack(granted, now);
      }
      case 'stop':
        return { next: { to: 'STOPPED' } };
    }
  };

  return {
    handle: (input, now) => follow(react(input, now), now),
    deadline: () => state.deadline(),
    get state() {
      return state.name;
    },
    get lease() {
      return state.lease;
    },
    get transaction() {
      return context.transaction;
    },
  };
}

function isRest<D extends Design>(next: Next<D>): next is Rest<D> {
  return next.to === 'INIT' || next.to === 'BOUND' || next.to === 'STOPPED';
}

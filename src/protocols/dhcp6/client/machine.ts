/**
 * The client of RFC 8415 §18.2 for one address (IA_NA), without a socket, a timer or a clock: what happened goes in, what to
 * send and what became of the lease come out, and `deadline` says when to come back.
 */
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import { number } from '../options.ts';
import type { ClientInput, ClientOutput } from './events.ts';
import type { HeldLease } from './lease.ts';
import { enterRebinding, enterRenewing, enterRestoring, enterResuming } from './prolonging.ts';
import { release } from './requests.ts';
import { enterRequesting } from './requesting.ts';
import { enterBound, enterDeclining, enterInit, enterStopped } from './resting.ts';
import { enterSoliciting } from './soliciting.ts';
import {
  STAY,
  type ClientConfig,
  type Context,
  type Entered,
  type Next,
  type State,
  type StateName,
  type Step,
} from './state.ts';

export interface Dhcp6Client {
  /** @param now monotonic; never less than in the call before. */
  handle(input: ClientInput, now: Milliseconds): readonly ClientOutput[];
  /** When to call with `tick`; undefined: not before something else happens. */
  deadline(): Milliseconds | undefined;
  readonly state: StateName;
  /** The lease that is ours now. */
  readonly lease: HeldLease | undefined;
  /** Of the exchange under way: answers that carry another one are not for this client. */
  readonly transactionId: number;
}

/** A client that is stopped; `start` or `resume` sets it going. `entropy` gives transaction numbers and jitter. */
export function createDhcp6Client(config: ClientConfig, entropy: Entropy): Dhcp6Client {
  let context: Context = { config, entropy, transactionId: 0, begunAt: 0, wish: config.requested, refusals: 0 };
  let state: State = enterStopped().state;

  const exchange = (now: Milliseconds): void => {
    context = { ...context, transactionId: number(entropy.bytes(3)), begunAt: now };
  };

  const enter = (next: Next, now: Milliseconds): Entered => {
    if (next.to !== 'INIT' && next.to !== 'BOUND' && next.to !== 'STOPPED') exchange(now);
    switch (next.to) {
      case 'INIT':
        context =
          next.refused === true
            ? { ...context, refusals: context.refusals + 1, wish: undefined }
            : { ...context, refusals: 0 };
        return enterInit(context, now);
      case 'SOLICITING':
        return enterSoliciting(context, now);
      case 'REQUESTING':
        return enterRequesting(context, next.offer, now);
      case 'RESUMING':
        return enterResuming(context, next.lease, now);
      case 'BOUND':
        context = { ...context, refusals: 0 };
        return enterBound(context, next.lease);
      case 'RENEWING':
        return enterRenewing(context, next.lease, now);
      case 'REBINDING':
        return enterRebinding(context, next.lease, now);
      case 'RESTORING':
        return enterRestoring(context, next.lease, next.by, now);
      case 'DECLINING':
        if (next.lease.terms.ip === context.wish) context = { ...context, wish: undefined };
        return enterDeclining(context, next.lease, now);
      case 'STOPPED':
        return enterStopped();
    }
  };

  /** Follows a step to where it leads; a state whose time is already up is left at once. */
  const follow = (first: Step, now: Milliseconds): ClientOutput[] => {
    const outputs: ClientOutput[] = [];
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

  const react = (input: ClientInput, now: Milliseconds): Step => {
    switch (input.kind) {
      case 'start':
        if (state.start === undefined) return { next: { to: 'INIT' } };
        state.start();
        return STAY;
      case 'resume':
        return { next: { to: 'RESUMING', lease: input.lease } };
      case 'tick':
        return state.tick(now);
      case 'hurry':
        state.hurry?.(now);
        return STAY;
      case 'message':
        return input.reply.message.transactionId === context.transactionId ? state.receive(input.reply, now) : STAY;
      case 'conflict':
        return { next: { to: 'DECLINING', lease: input.lease } };
      case 'release':
        exchange(now);
        return { outputs: [{ kind: 'send', ...release(context, input.lease.terms, now) }], next: { to: 'STOPPED' } };
      case 'abandon': {
        const granted = state.lease?.terms ?? state.asked;
        exchange(now);
        const given = granted !== undefined && granted.ip !== input.kept;
        const outputs = given ? [{ kind: 'send' as const, ...release(context, granted, now) }] : [];
        return { outputs, next: { to: 'STOPPED' } };
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
    get transactionId() {
      return context.transactionId;
    },
  };
}

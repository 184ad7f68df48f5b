/**
 * The DHCPv4 client of RFC 2131 figure 5, without a socket, a timer or a clock: what happened goes in, what to send and
 * what became of the lease come out, and `deadline` says when to come back.
 */
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import { BOOT_REPLY } from '../codes.ts';
import { enterBound } from './bound.ts';
import { enterDeclining } from './declining.ts';
import type { ClientInput, ClientOutput } from './events.ts';
import { enterInit } from './init.ts';
import type { HeldLease } from './lease.ts';
import { enterRebinding } from './rebinding.ts';
import { enterRebooting } from './rebooting.ts';
import { enterRenewing } from './renewing.ts';
import { enterRequesting } from './requesting.ts';
import { release } from './requests.ts';
import { enterSelecting } from './selecting.ts';
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
import { enterStopped } from './stopped.ts';

export interface DhcpClient {
  /** @param now monotonic; never less than in the call before. */
  handle(input: ClientInput, now: Milliseconds): readonly ClientOutput[];
  /** When to call with `tick`; undefined: not before something else happens. */
  deadline(): Milliseconds | undefined;
  readonly state: StateName;
  /** The lease that is ours now. */
  readonly lease: HeldLease | undefined;
  /** Transaction in use: answers that carry another one are not for this client. */
  readonly xid: number;
}

/** A client that is stopped; `start` or `resume` sets it going. `entropy` gives transaction numbers and jitter. */
export function createDhcpClient(config: ClientConfig, entropy: Entropy): DhcpClient {
  let context: Context = { config, entropy, xid: 0, begunAt: 0, wish: config.requested, refusals: 0 };
  let state: State = enterStopped().state;

  /** States that ask something new do so in a transaction of their own; REQUESTING stays in that of its DISCOVER. */
  const transaction = (now: Milliseconds): void => {
    context = { ...context, xid: new DataView(Uint8Array.from(entropy.bytes(4)).buffer).getUint32(0), begunAt: now };
  };

  const enter = (next: Next, now: Milliseconds): Entered => {
    switch (next.to) {
      case 'INIT':
        context =
          next.refused === true
            ? { ...context, refusals: context.refusals + 1, wish: undefined }
            : { ...context, refusals: 0 };
        return enterInit(context, now);
      case 'SELECTING':
        transaction(now);
        return enterSelecting(context, now);
      case 'REQUESTING':
        return enterRequesting(context, next.offer, now);
      case 'REBOOTING':
        transaction(now);
        return enterRebooting(context, next.lease, now);
      case 'BOUND':
        context = { ...context, refusals: 0 };
        return enterBound(context, next.lease);
      case 'RENEWING':
        transaction(now);
        return enterRenewing(context, next.lease, now);
      case 'REBINDING':
        transaction(now);
        return enterRebinding(context, next.lease, now);
      case 'DECLINING':
        transaction(now);
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
        return { next: { to: 'REBOOTING', lease: input.lease } };
      case 'tick':
        return state.tick(now);
      case 'hurry':
        state.hurry?.(now);
        return STAY;
      case 'message': {
        const { message } = input.reply;
        const ours = message.op === BOOT_REPLY && message.xid === context.xid && message.chaddr === config.mac;
        return ours ? state.receive(input.reply, now) : STAY;
      }
      case 'conflict':
        return { next: { to: 'DECLINING', lease: input.lease } };
      case 'release':
        transaction(now);
        return { outputs: [{ kind: 'send', ...release(context, input.lease.terms) }], next: { to: 'STOPPED' } };
      case 'abandon': {
        const granted = state.lease?.terms ?? state.asked;
        transaction(now);
        const given = granted !== undefined && granted.ip !== input.kept;
        const outputs = given ? [{ kind: 'send' as const, ...release(context, granted) }] : [];
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
    get xid() {
      return context.xid;
    },
  };
}

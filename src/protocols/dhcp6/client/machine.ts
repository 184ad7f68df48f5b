/** The client of RFC 8415 §18.2 for one address (IA_NA). */
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import { createMachine, type Machine } from '../../dhcp-client/machine.ts';
import { number } from '../options.ts';
import { enterConfirming } from './confirming.ts';
import { enterDeclining } from './declining.ts';
import { enterRebinding, enterRenewing, enterRestoring, enterResuming } from './prolonging.ts';
import { enterRequesting } from './requesting.ts';
import { release } from './requests.ts';
import { enterSoliciting } from './soliciting.ts';
import type { ClientConfig, Context, Design, Entered, OwnNext } from './state.ts';

export type Dhcp6Client = Machine<Design>;

/** A client that is stopped; `start` or `resume` sets it going. `entropy` gives transaction numbers and jitter. */
export function createDhcp6Client(config: ClientConfig, entropy: Entropy): Dhcp6Client {
  return createMachine<Design>({
    config,
    entropy,
    number: () => number(entropy.bytes(3)),
    asksAnew: () => true,
    enter,
    first: { to: 'SOLICITING' },
    resuming: (lease) => ({ to: 'RESUMING', lease }),
    confirming: (lease) => ({ to: 'CONFIRMING', lease }),
    renewing: (lease) => ({ to: 'RENEWING', lease }),
    declining: (lease) => ({ to: 'DECLINING', lease }),
    isOurs: ({ message }, transaction) => message.transactionId === transaction,
    release,
  });
}

function enter(next: OwnNext, context: Context, now: Milliseconds): Entered {
  switch (next.to) {
    case 'SOLICITING':
      return enterSoliciting(context, now);
    case 'REQUESTING':
      return enterRequesting(context, next.offer, now);
    case 'RESUMING':
      return enterResuming(context, next.lease, now);
    case 'CONFIRMING':
      return enterConfirming(context, next.lease, now);
    case 'RENEWING':
      return enterRenewing(context, next.lease, now);
    case 'REBINDING':
      return enterRebinding(context, next.lease, now);
    case 'RESTORING':
      return enterRestoring(context, next.lease, next.by, now);
    case 'DECLINING':
      return enterDeclining(context, next.lease, now);
  }
}

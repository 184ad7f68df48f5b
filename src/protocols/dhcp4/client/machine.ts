/** The DHCPv4 client of RFC 2131 figure 5. */
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import { createMachine, type Machine } from '../../dhcp-client/machine.ts';
import { BOOT_REPLY } from '../codes.ts';
import { enterDeclining } from './declining.ts';
import { enterRebinding } from './rebinding.ts';
import { enterRebooting } from './rebooting.ts';
import { enterRenewing } from './renewing.ts';
import { enterRequesting } from './requesting.ts';
import { release } from './requests.ts';
import { enterSelecting } from './selecting.ts';
import type { ClientConfig, Context, Design, Entered, OwnNext } from './state.ts';

export type DhcpClient = Machine<Design>;

/** A client that is stopped; `start` or `resume` sets it going. `entropy` gives transaction numbers and jitter. */
export function createDhcpClient(config: ClientConfig, entropy: Entropy): DhcpClient {
  return createMachine<Design>({
    config,
    entropy,
    number: () => new DataView(Uint8Array.from(entropy.bytes(4)).buffer).getUint32(0),
    // That stays in the transaction of its DISCOVER.
    asksAnew: ({ to }) => to !== 'REQUESTING',
    enter,
    first: { to: 'SELECTING' },
    resuming: (lease) => ({ to: 'REBOOTING', lease }),
    confirming: (lease) => ({ to: 'REBOOTING', lease }),
    renewing: (lease) => ({ to: 'RENEWING', lease }),
    declining: (lease) => ({ to: 'DECLINING', lease }),
    isOurs: ({ message }, xid) => message.op === BOOT_REPLY && message.xid === xid && message.chaddr === config.mac,
    release: (context, granted) => release(context, granted),
  });
}

function enter(next: OwnNext, context: Context, now: Milliseconds): Entered {
  switch (next.to) {
    case 'SELECTING':
      return enterSelecting(context, now);
    case 'REQUESTING':
      return enterRequesting(context, next.offer, now);
    case 'REBOOTING':
      return enterRebooting(context, next.lease, now);
    case 'RENEWING':
      return enterRenewing(context, next.lease, now);
    case 'REBINDING':
      return enterRebinding(context, next.lease, now);
    case 'DECLINING':
      return enterDeclining(context, next.lease, now);
  }
}

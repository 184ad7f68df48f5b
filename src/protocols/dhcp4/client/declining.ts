/** After DHCPDECLINE: ten seconds of rest, so that a server without a free address is not run down (RFC 2131 §3.1.5). */
import type { Milliseconds } from '../../../model/time.ts';
import type { HeldLease } from './lease.ts';
import { decline } from './requests.ts';
import { STAY, type Context, type Entered } from './state.ts';

const REST = 10_000;

export function enterDeclining(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const end = now + REST;
  let wanted = false;
  return {
    outputs: [{ kind: 'send', ...decline(context, lease) }],
    state: {
      name: 'DECLINING',
      deadline: () => end,
      tick: (at) => (at < end ? STAY : { next: { to: wanted ? 'INIT' : 'STOPPED' } }),
      receive: () => STAY,
      start: () => {
        wanted = true;
      },
    },
  };
}

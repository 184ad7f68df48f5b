/** OpenConfirm: both OPENs are good, the peer's first KEEPALIVE is to come. */
import type { Milliseconds } from '../../../model/time.ts';
import { ERROR, STATE_ERROR } from '../codes.ts';
import { encodeMessage } from '../message.ts';
import { OPEN_TIMEOUT } from './config.ts';
import type { Negotiated } from './negotiate.ts';
import { over, refuse, STAY, type Connection, type Context, type Entered } from './state.ts';
import { sessionTimers } from './timers.ts';

export function enterOpenConfirm(
  context: Context,
  connection: Connection,
  negotiated: Negotiated,
  now: Milliseconds,
): Entered {
  const timers = sessionTimers(negotiated, context.entropy, now);
  const keepalive = { kind: 'send' as const, connection: connection.id, bytes: encodeMessage({ kind: 'keepalive' }) };
  // Without a hold time nothing else would end the wait for a peer that falls silent here.
  const until = negotiated.holdTime === 0 ? now + OPEN_TIMEOUT : Infinity;
  return {
    outputs: [keepalive],
    state: {
      name: 'OpenConfirm',
      connection: connection.id,
      negotiated,
      deadline: () => Math.min(timers.deadline(true) ?? Infinity, until),
      tick(at) {
        if (timers.expired(at) || at >= until) {
          return refuse(ERROR.holdTimerExpired, 0, 'the peer did not confirm its OPEN');
        }
        return timers.keepaliveDue(at) ? { outputs: [keepalive] } : STAY;
      },
      lost: (message) => over({ kind: 'connection', message }),
      receive(message) {
        if (message.kind === 'keepalive') return { next: { to: 'Established', connection, negotiated } };
        if (message.kind === 'notification') return over({ kind: 'received', notification: message });
        return refuse(ERROR.stateMachine, STATE_ERROR.openConfirm, `the peer said ${message.kind} before KEEPALIVE`);
      },
    },
  };
}

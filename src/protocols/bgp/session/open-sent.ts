/** OpenSent: our OPEN is out, the peer's is to come. */
import type { Milliseconds } from '../../../model/time.ts';
import { ERROR, STATE_ERROR } from '../codes.ts';
import { encodeMessage } from '../message.ts';
import { OPEN_TIMEOUT } from './config.ts';
import { negotiate, ourOpen } from './negotiate.ts';
import { over, refuse, STAY, type Connection, type Context, type Entered } from './state.ts';

export function enterOpenSent(context: Context, connection: Connection, now: Milliseconds): Entered {
  const { config } = context;
  const until = now + OPEN_TIMEOUT;
  const open = encodeMessage(ourOpen(config, context.restarting));
  return {
    outputs: [{ kind: 'send', connection: connection.id, bytes: open }],
    state: {
      name: 'OpenSent',
      connection: connection.id,
      deadline: () => until,
      tick: (at) =>
        at < until ? STAY : refuse(ERROR.holdTimerExpired, 0, `the peer said no OPEN within ${OPEN_TIMEOUT / 1000} s`),
      lost: (message) => over({ kind: 'connection', message }),
      receive(message) {
        if (message.kind === 'notification') return over({ kind: 'received', notification: message });
        if (message.kind !== 'open') {
          return refuse(ERROR.stateMachine, STATE_ERROR.openSent, `the peer said ${message.kind} before OPEN`);
        }
        const negotiated = negotiate(config, message, connection.localIp);
        return { next: { to: 'OpenConfirm', connection, negotiated } };
      },
    },
  };
}

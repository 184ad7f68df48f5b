/** Connect: waiting for TCP. */
import type { Milliseconds } from '../../../model/time.ts';
import { CONNECT_TIMEOUT } from './config.ts';
import { STAY, type Context, type Entered, type Step } from './state.ts';

export function enterConnect(context: Context, now: Milliseconds): Entered {
  const connection = context.newConnection();
  const until = now + CONNECT_TIMEOUT;
  const failed = (message: string): Step => ({ next: { to: 'Active', cause: { kind: 'connection', message } } });
  return {
    outputs: [{ kind: 'connect', connection }],
    state: {
      name: 'Connect',
      connection,
      deadline: () => until,
      tick: (at) => (at < until ? STAY : failed(`no answer within ${CONNECT_TIMEOUT / 1000} s`)),
      connected: (localIp) => ({ next: { to: 'OpenSent', connection: { id: connection, localIp } } }),
      lost: failed,
    },
  };
}

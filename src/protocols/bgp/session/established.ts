/** Established: routes are told, the peer's are counted, and both sides listen for each other. */
import type { Milliseconds } from '../../../model/time.ts';
import { unicastFamily } from '../capabilities.ts';
import { ERROR, STATE_ERROR } from '../codes.ts';
import { encodeMessage } from '../message.ts';
import type { RouteRefresh } from '../route-refresh.ts';
import type { Update } from '../update.ts';
import { SEND_HOLD_TIME } from './config.ts';
import type { PeerOutput } from './events.ts';
import type { Negotiated } from './negotiate.ts';
import { over, refuse, STAY, type Connection, type Context, type Entered, type Step } from './state.ts';
import { sessionTimers } from './timers.ts';

/** Said in one go, before the network is asked whether it takes more. */
const BATCH_BYTES = 65_536;
/** A peer that asks for everything again and again is answered this often. */
const REFRESH_INTERVAL: Milliseconds = 1000;

export function enterEstablished(
  context: Context,
  connection: Connection,
  negotiated: Negotiated,
  now: Milliseconds,
): Entered {
  const { rib, received, entropy } = context;
  const timers = sessionTimers(negotiated, entropy, now);
  const sendHold = Math.max(SEND_HOLD_TIME, 2 * negotiated.holdTime);
  const send = (bytes: Uint8Array): PeerOutput => ({ kind: 'send', connection: connection.id, bytes });
  const keepalive = send(encodeMessage({ kind: 'keepalive' }));
  /** Since when the network takes nothing. */
  let stuckSince: Milliseconds | undefined;
  /** When it was last left off in the middle. */
  let moreSince: Milliseconds | undefined;
  let told = false;
  let faultTold = false;
  let refreshAt: Milliseconds | undefined;
  let refreshed = -Infinity;
  const toRefresh = new Set<4 | 6>();

  const flush = (at: Milliseconds): Step => {
    stuckSince = undefined;
    if (refreshAt !== undefined && at >= refreshAt) {
      toRefresh.forEach((family) => rib.refresh(family));
      toRefresh.clear();
      refreshed = at;
      refreshAt = undefined;
    }
    const outputs: PeerOutput[] = [];
    let bytes = 0;
    moreSince = at;
    while (bytes < BATCH_BYTES) {
      const message = rib.next();
      if (message === undefined) {
        moreSince = undefined;
        break;
      }
      bytes += message.length;
      outputs.push(send(message));
    }
    if (!told && rib.complete) {
      told = true;
      context.restarting = false;
      outputs.push({ kind: 'told' });
    }
    return { outputs };
  };

  const update = (message: Update): Step => {
    received.update(message);
    const outputs: PeerOutput[] = [];
    const [fault] = message.faults;
    if (fault !== undefined && !faultTold) {
      faultTold = true;
      outputs.push({ kind: 'fault', message: `${fault.message} (${fault.action})` });
    }
    if (message.endOfRib !== undefined) outputs.push({ kind: 'end-of-rib', family: message.endOfRib });
    return { outputs };
  };

  const refresh = ({ afi, safi, subtype }: RouteRefresh, at: Milliseconds): void => {
    const family = unicastFamily(afi, safi);
    if (subtype !== 0 || family === undefined || !negotiated.families.has(family)) return;
    toRefresh.add(family);
    refreshAt ??= Math.max(at, refreshed + REFRESH_INTERVAL);
  };

  rib.begin(context.exportContext(negotiated), negotiated.as4);
  return {
    outputs: [{ kind: 'up', negotiated }, ...(flush(now).outputs ?? [])],
    state: {
      name: 'Established',
      connection: connection.id,
      negotiated,
      deadline() {
        const speaking = stuckSince === undefined;
        const due = [timers.deadline(speaking), speaking ? refreshAt : (stuckSince ?? 0) + sendHold];
        // At once, after whatever else wants its turn.
        if (speaking) due.push(moreSince);
        return Math.min(...due.map((each) => each ?? Infinity));
      },
      tick(at) {
        if (timers.expired(at)) {
          return refuse(ERROR.holdTimerExpired, 0, `the peer was silent for ${negotiated.holdTime / 1000} s`);
        }
        if (stuckSince !== undefined) {
          return at < stuckSince + sendHold
            ? STAY
            : refuse(ERROR.sendHoldTimerExpired, 0, `the peer took nothing for ${sendHold / 1000} s`);
        }
        const said = timers.keepaliveDue(at) ? [keepalive] : [];
        return { outputs: [...said, ...(flush(at).outputs ?? [])] };
      },
      flush: (at) => (stuckSince === undefined ? flush(at) : STAY),
      congested: (at) => {
        stuckSince ??= at;
      },
      drained: flush,
      lost: (message) => over({ kind: 'connection', message }),
      receive(message, at) {
        timers.heard(at);
        switch (message.kind) {
          case 'keepalive':
            return STAY;
          case 'update':
            return update(message);
          case 'route-refresh':
            refresh(message, at);
            return STAY;
          case 'notification':
            return over({ kind: 'received', notification: message });
          case 'open':
            return refuse(ERROR.stateMachine, STATE_ERROR.established, 'the peer said OPEN a second time');
        }
      },
    },
  };
}

/** The finite state machine of RFC 4271 §8 for one connection: takes what happens to where it leads. */
import type { Milliseconds } from '../../../model/time.ts';
import { BgpDecodeError } from '../error.ts';
import { createFramer, type Framer } from '../framing.ts';
import { decodeMessage, encodeMessage } from '../message.ts';
import { enterActive } from './active.ts';
import { enterConnect } from './connect.ts';
import { enterEstablished } from './established.ts';
import type { Cause, ConnectionId, PeerOutput } from './events.ts';
import { enterIdle } from './idle.ts';
import type { Negotiated } from './negotiate.ts';
import { enterOpenConfirm } from './open-confirm.ts';
import { enterOpenSent } from './open-sent.ts';
import {
  over,
  refuse,
  STAY,
  type Context,
  type Entered,
  type Next,
  type State,
  type StateName,
  type Step,
} from './state.ts';

export interface Fsm {
  readonly direction: 'outgoing' | 'incoming';
  readonly state: StateName;
  readonly connection: ConnectionId | undefined;
  readonly negotiated: Negotiated | undefined;
  deadline(): Milliseconds | undefined;
  enter(next: Next, now: Milliseconds): PeerOutput[];
  tick(now: Milliseconds): PeerOutput[];
  connected(localIp: Parameters<NonNullable<State['connected']>>[0], now: Milliseconds): PeerOutput[];
  lost(message: string, now: Milliseconds): PeerOutput[];
  data(bytes: Uint8Array, now: Milliseconds): PeerOutput[];
  congested(now: Milliseconds): void;
  drained(now: Milliseconds): PeerOutput[];
  /** There may be something to say. */
  flush(now: Milliseconds): PeerOutput[];
  /** Over, whatever the state; with a NOTIFICATION if the cause has one and the connection is there. */
  end(cause: Cause, now: Milliseconds): PeerOutput[];
}

/** In Idle. An incoming one that comes back to Idle is done with. */
export function createFsm(direction: Fsm['direction'], context: Context): Fsm {
  let state: State = enterIdle(context).state;
  let framer: Framer = createFramer();

  const entered = (next: Next, now: Milliseconds): Entered => {
    switch (next.to) {
      case 'Idle':
        return enterIdle(context);
      case 'Active':
        return enterActive(context);
      case 'Connect':
        return enterConnect(context, now);
      case 'OpenSent':
        framer = createFramer();
        return enterOpenSent(context, next.connection, now);
      case 'OpenConfirm':
        return enterOpenConfirm(context, next.connection, next.negotiated, now);
      case 'Established':
        return enterEstablished(context, next.connection, next.negotiated, now);
    }
  };

  /** What leaving a state for Idle or Active brings with it. */
  const leave = (cause: Cause): PeerOutput[] => {
    const { name, connection } = state;
    const outputs: PeerOutput[] = [];
    if (connection !== undefined) {
      if (cause.kind === 'sent' && name !== 'Connect') {
        outputs.push({ kind: 'send', connection, bytes: encodeMessage(cause.notification) });
      }
      outputs.push({ kind: 'close', connection });
    }
    if (name === 'Established') {
      context.rib.end();
      outputs.push({ kind: 'down', cause });
    } else if (connection !== undefined) {
      outputs.push({ kind: 'failed', cause });
    }
    return outputs;
  };

  const enter = (next: Next, now: Milliseconds): PeerOutput[] => {
    const outputs = next.to === 'Idle' || next.to === 'Active' ? leave(next.cause) : [];
    const { state: following, outputs: first } = entered(next, now);
    state = following;
    return [...outputs, ...first];
  };

  const follow = ({ outputs = [], next }: Step, now: Milliseconds): PeerOutput[] =>
    next === undefined ? [...outputs] : [...outputs, ...enter(next, now)];

  return {
    direction,
    get state() {
      return state.name;
    },
    get connection() {
      return state.connection;
    },
    get negotiated() {
      return state.negotiated;
    },
    deadline() {
      const due = state.deadline();
      return due === Infinity ? undefined : due;
    },
    enter,
    tick: (now) => follow(state.tick(now), now),
    connected: (localIp, now) => follow(state.connected?.(localIp) ?? STAY, now),
    lost: (message, now) => follow(state.lost?.(message) ?? STAY, now),
    data(bytes, now) {
      const { connection } = state;
      const outputs: PeerOutput[] = [];
      try {
        for (const frame of framer.push(bytes)) {
          const message = decodeMessage(frame, state.negotiated?.as4);
          context.received.message();
          outputs.push(...follow(state.receive?.(message, now) ?? STAY, now));
          if (state.connection !== connection) break;
        }
      } catch (error) {
        if (!(error instanceof BgpDecodeError)) throw error;
        const { code, subcode, message, data } = error;
        outputs.push(...follow(refuse(code, subcode, message, Uint8Array.from(data)), now));
      }
      return outputs;
    },
    congested: (now) => state.congested?.(now),
    drained: (now) => follow(state.drained?.(now) ?? STAY, now),
    flush: (now) => follow(state.flush?.(now) ?? STAY, now),
    end: (cause, now) => follow(over(cause), now),
  };
}

/** Agents that own by heartbeat on a network in memory, sealed as on a real one, by a clock that is told to go on. */
import { createHmac } from 'node:crypto';
import { createHeartbeatOwnership } from '../../src/exposure/ownership/heartbeat/heartbeat-ownership.ts';
import type { DrivenOwnership, HeartbeatOwnershipOptions } from '../../src/exposure/ownership/heartbeat/options.ts';
import type { HeartbeatKey } from '../../src/exposure/ownership/heartbeat/port.ts';
import { PROFILES } from '../../src/exposure/ownership/heartbeat/profile.ts';
import { keyIdOf, type KeyedHash } from '../../src/protocols/heartbeat/seal.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const hmac: KeyedHash = (key, bytes) => createHmac('sha256', key).update(bytes).digest();

export function keyFrom(text: string): HeartbeatKey {
  const secret = createHmac('sha256', 'test').update(text).digest();
  return { id: keyIdOf(secret, hmac), secret };
}

export interface LanAgent {
  readonly node: string;
  readonly ownership: DrivenOwnership;
  /** Who was noted as owner and when, in words. */
  readonly notes: string[];
  readonly refused: string[];
  keys: { signing: HeartbeatKey | undefined; accepted: HeartbeatKey[] };
  /** Gives it a datagram, whoever sent it. */
  deliver(datagram: Uint8Array): void;
}

export interface HeartbeatLan {
  readonly clock: FakeClock;
  readonly agents: readonly LanAgent[];
  /** Everything that was sent. */
  readonly wire: { readonly from: string; readonly datagram: Uint8Array }[];
  /** Directions that carry nothing: `from>to`. */
  readonly cuts: Set<string>;
  readonly add: (node: string, options?: Partial<HeartbeatOwnershipOptions>) => LanAgent;
  /** Without a word: it neither hears nor is heard any more. */
  readonly unplug: (agent: LanAgent) => void;
  readonly plugIn: (agent: LanAgent) => void;
}

const LATENCY = 1;

export function createHeartbeatLan(): HeartbeatLan {
  const clock = createFakeClock();
  const agents: LanAgent[] = [];
  const wire: HeartbeatLan['wire'] = [];
  const cuts = new Set<string>();
  let epoch = 1n;
  const key = keyFrom('first');
  return {
    clock,
    agents,
    wire,
    cuts,
    add(node, options = {}) {
      const handlers = new Set<(datagram: Uint8Array) => void>();
      const notes: string[] = [];
      const refused: string[] = [];
      const holders = new Map<string, string>();
      const keys: LanAgent['keys'] = { signing: key, accepted: [key] };
      const ownership = createHeartbeatOwnership({
        node,
        epoch: (epoch++ << 33n) + 7n,
        group: 1,
        profile: PROFILES.lan,
        clock,
        channel: {
          send: (datagram) => {
            wire.push({ from: node, datagram });
            for (const to of agents) {
              if (to === agent || cuts.has(`${node}>${to.node}`)) continue;
              clock.after(LATENCY, () => to.deliver(datagram));
            }
          },
          onDatagram: (callback) => {
            handlers.add(callback);
            return () => void handlers.delete(callback);
          },
          drain: (then) => void clock.after(0, then),
          close: () => handlers.clear(),
        },
        keys: {
          get signing() {
            return agent.keys.signing;
          },
          get accepted() {
            return agent.keys.accepted;
          },
        },
        hash: hmac,
        record: {
          owned: (address, owner) => {
            holders.set(address, owner.node);
            notes.push(`owned ${address} ${owner.term}`);
          },
          lost: (address) => void notes.push(`lost ${address}`),
          released: (address) => void notes.push(`released ${address}`),
          recordedHolder: (address) => holders.get(address),
          stop: () => Promise.resolve(),
        },
        onRefused: (reason) => void refused.push(reason),
        ...options,
      });
      const agent: LanAgent = {
        node,
        ownership,
        notes,
        refused,
        keys,
        deliver: (datagram) => handlers.forEach((handler) => handler(datagram)),
      };
      agents.push(agent);
      return agent;
    },
    unplug(agent) {
      for (const { node } of agents) {
        cuts.add(`${agent.node}>${node}`);
        cuts.add(`${node}>${agent.node}`);
      }
    },
    plugIn(agent) {
      for (const { node } of agents) {
        cuts.delete(`${agent.node}>${node}`);
        cuts.delete(`${node}>${agent.node}`);
      }
    },
  };
}

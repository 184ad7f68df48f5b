/** Control planes that elect in one etcd, in simulated time. */
import { createEtcdOwnership } from '../../src/exposure/ownership/etcd/etcd-ownership.ts';
import type { HeartbeatOwnership } from '../../src/exposure/ownership/heartbeat/options.ts';
import type { Takeover } from '../../src/exposure/ownership/port.ts';
import { ip } from '../../src/model/ip.ts';
import type { Milliseconds } from '../../src/model/time.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeEtcd } from './fake-etcd.ts';

export const ELECTION = 'kube-system-plndr-cp-lock';
export const ADDRESS = ip('10.0.0.250');
export const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };

export interface EtcdAgent {
  readonly node: string;
  readonly ownership: HeartbeatOwnership;
  /** What its record was told. */
  readonly written: string[];
  readonly takeovers: Takeover[];
  readonly errors: unknown[];
  /** Asks for the address, as a node that may have it, or may not. */
  ensure(eligible?: boolean): ReturnType<HeartbeatOwnership['ensure']>;
}

export function createEtcdWorld(delay?: () => Milliseconds) {
  const clock = createFakeClock();
  const etcd = createFakeEtcd(clock, delay);
  const agents: EtcdAgent[] = [];
  return {
    clock,
    etcd,
    agents,
    add(node: string, onChange: () => void = () => undefined): EtcdAgent {
      const written: string[] = [];
      const takeovers: Takeover[] = [];
      const errors: unknown[] = [];
      let isEligible = true;
      const ownership = createEtcdOwnership({
        node,
        election: ELECTION,
        times: TIMES,
        clock,
        wire: etcd.wire(node),
        record: {
          owned: () => void written.push('owned'),
          lost: () => void written.push('lost'),
          released: () => void written.push('released'),
          recordedHolder: () => undefined,
          stop: () => Promise.resolve(),
        },
        onError: (error) => void errors.push(error),
      });
      const ensure: EtcdAgent['ensure'] = (eligible = isEligible) => {
        isEligible = eligible;
        return ownership.ensure(ADDRESS, eligible ? [node] : []);
      };
      const agent: EtcdAgent = { node, ownership, written, takeovers, errors, ensure };
      ownership.onTakeover((takeover) => takeovers.push(takeover));
      ownership.onChange(() => {
        ensure();
        onChange();
      });
      agents.push(agent);
      void ownership.start();
      ensure();
      return agent;
    },
    holders: (): string[] => agents.filter(({ ownership }) => ownership.holds(ADDRESS)).map(({ node }) => node),
  };
}

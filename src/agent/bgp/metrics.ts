/** Metrics of BGP sessions: kube-vip's, and what it does not measure. */
import { Counter, Gauge } from 'prom-client';
import type { PeerStatus } from '../../exposure/bgp/speaker.ts';
import type { ProcessMetrics } from '../process-metrics.ts';

export interface BgpMetrics {
  sessionChanged(peer: string, change: 'up' | 'down'): void;
}

/** As kube-vip spells them. */
const STATES = ['IDLE', 'CONNECT', 'ACTIVE', 'OPENSENT', 'OPENCONFIRM', 'ESTABLISHED'] as const;

export function createBgpMetrics(
  shared: Pick<ProcessMetrics, 'registry'>,
  peers: () => readonly PeerStatus[],
  problems: () => number,
): BgpMetrics {
  const registers = [shared.registry];
  new Gauge({
    name: 'kube_vip_manager_bgp_session_info',
    help: '1 for the state that the session with a peer is in, 0 for all others',
    labelNames: ['state', 'peer'],
    registers,
    collect() {
      this.reset();
      for (const { name, state } of peers())
        for (const each of STATES) this.set({ state: each, peer: name }, each === state.toUpperCase() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'kubevip_bgp_announced_routes',
    help: 'Routes that a peer has been told',
    labelNames: ['peer', 'family'],
    registers,
    collect() {
      this.reset();
      for (const { name, announced } of peers()) {
        this.set({ peer: name, family: 'ipv4' }, announced[4]);
        this.set({ peer: name, family: 'ipv6' }, announced[6]);
      }
    },
  });
  new Gauge({
    name: 'kubevip_bgp_bfd_up',
    help: '1 while BFD says that the path to a peer works; only of peers that are watched',
    labelNames: ['peer'],
    registers,
    collect() {
      this.reset();
      for (const { name, bfd } of peers())
        if (bfd !== undefined) this.set({ peer: name }, bfd.toLowerCase() === 'up' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'kubevip_bgp_configuration_problems',
    help: 'Lines of the BGP configuration that cannot be followed',
    registers,
    collect() {
      this.set(problems());
    },
  });
  const changes = new Counter({
    name: 'kubevip_bgp_session_changes_total',
    help: 'Times the session with a peer came up or went down',
    labelNames: ['peer', 'change'],
    registers,
  });
  return { sessionChanged: (peer, change) => changes.inc({ peer, change }) };
}

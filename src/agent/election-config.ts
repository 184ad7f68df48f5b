/** The settings of heartbeats, as `SETTINGS` reads them. */
export const ELECTIONS = ['heartbeat', 'lease'] as const;
/** What holds where nobody decides. */
export const DEFAULT_ELECTION: (typeof ELECTIONS)[number] = 'heartbeat';
export const PROFILES = ['lan', 'fast', 'wifi', 'wan'] as const;
export const TRANSPORTS = ['auto', 'multicast', 'unicast'] as const;

export interface ElectionSettings {
  readonly kubevip_election: (typeof ELECTIONS)[number];
  readonly kubevip_heartbeat: (typeof PROFILES)[number];
  readonly kubevip_heartbeat_port: number;
  readonly kubevip_heartbeat_transport: (typeof TRANSPORTS)[number];
  readonly kubevip_state_dir: string;
}

export interface ElectionConfig {
  readonly kind: (typeof ELECTIONS)[number];
  readonly profile: (typeof PROFILES)[number];
  /** UDP ports: two agents may run on a node, and each hears its own kind. */
  readonly ports: { readonly services: number; readonly controlPlane: number };
  readonly transport: (typeof TRANSPORTS)[number];
  /** Undefined: nothing is kept on disk. */
  readonly stateDir?: string;
}

export function readElection(v: ElectionSettings): ElectionConfig {
  return {
    kind: v.kubevip_election,
    profile: v.kubevip_heartbeat,
    ports: { services: v.kubevip_heartbeat_port, controlPlane: v.kubevip_heartbeat_port + 1 },
    transport: v.kubevip_heartbeat_transport,
    ...(v.kubevip_state_dir === '' ? {} : { stateDir: v.kubevip_state_dir }),
  };
}

/** Which of kube-vip's ways to announce addresses this agent takes: exactly one, for both of its parts. */
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Reach } from '../exposure/announcement/port.ts';

export type Mode = 'arp' | 'bgp' | 'routing-table' | 'wireguard';

export interface ModeSettings {
  /** Undefined: not set. */
  readonly vip_arp: boolean | undefined;
  readonly bgp_enable: boolean;
  readonly vip_routingtable: boolean;
  readonly vip_wireguard: boolean;
  readonly vip_leaderelection: boolean | undefined;
  readonly svc_election: boolean;
}

export interface AnnouncementMode {
  readonly kind: Mode;
  /** Of addresses of Services, and of the control-plane VIP. */
  readonly reach: { readonly services: Reach; readonly controlPlane: Reach };
}

const MODES = {
  vip_arp: 'arp',
  bgp_enable: 'bgp',
  vip_routingtable: 'routing-table',
  vip_wireguard: 'wireguard',
} as const;

/** @throws KubevipError BAD_CONFIG for none, or more than one. */
export function readMode(v: Partial<ModeSettings>): AnnouncementMode {
  const names = Object.keys(MODES) as (keyof typeof MODES)[];
  const on = names.filter((name) => v[name] === true);
  const [first] = on;
  if (on.length > 1) throw bad(`${on.join(' and ')} are both true: an agent announces in one way; leave one of them`);
  if (first === undefined && v.vip_arp === false)
    throw bad(`vip_arp is false, and no other way to announce is chosen: set one of ${names.join(', ')} to true`);
  const mode = MODES[first ?? 'vip_arp'];
  // Neighbours send to one MAC, and the far end of a tunnel to whoever spoke last.
  if (mode === 'arp' || mode === 'wireguard')
    return { kind: mode, reach: { services: 'owner', controlPlane: 'owner' } };
  // As kube-vip: without an election every node that can serve an address tells routers so.
  const elected = v.vip_leaderelection === true;
  return {
    kind: mode,
    reach: {
      services: elected || v.svc_election === true ? 'owner' : 'every-node',
      controlPlane: elected ? 'owner' : 'every-node',
    },
  };
}

function bad(message: string): KubevipError {
  return new KubevipError(message, { code: 'BAD_CONFIG', exit: EXIT.usage });
}

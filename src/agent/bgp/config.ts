/** The settings of BGP: kube-vip's variables, and ours. One peer that is wrong spoils itself only. */
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import { parsePeers } from '../../exposure/bgp/config/peers-text.ts';
import type { BgpDefaults } from '../../exposure/bgp/config/resolve.ts';
import {
  address,
  BadValue,
  bfd,
  holdTime,
  linkName,
  nextHopPolicy,
  password,
} from '../../exposure/bgp/config/values.ts';
import { MULTIHOP_TTL, type PeerWish, type Wishes } from '../../exposure/bgp/config/wish.ts';

/** The variables that it is made of, as `SETTINGS` reads them. */
export interface BgpSettings {
  readonly bgp_as: number;
  readonly bgp_routerid: string;
  readonly bgp_routerinterface: string;
  readonly bgp_peeraddress: string;
  readonly bgp_peeras: number;
  readonly bgp_peerpass: string;
  readonly bgp_multihop: boolean;
  readonly bgp_peers: string;
  readonly bgp_sourceif: string;
  readonly bgp_sourceip: string;
  readonly bgp_hold_time: number;
  readonly bgp_keepalive_interval: number;
  readonly bgp_attach_ip_to_interface: boolean;
  readonly annotation: string;
  readonly mpbgp_nexthop: string;
  readonly mpbgp_ipv4: string;
  readonly mpbgp_ipv6: string;
  readonly kubevip_bgp_bfd: string;
  readonly kubevip_bgp_restart_time: number;
  readonly kubevip_bgp_listen_port: number;
  readonly kubevip_bgp_passwords: string;
  readonly kubevip_bgp_configmap: string;
  readonly kubevip_bgp_provider: 'none' | 'equinix-metal';
  readonly kubevip_bgp_provider_project: string;
  readonly kubevip_bgp_provider_token_file: string;
  readonly kubevip_bgp_provider_url: string;
}

export interface BgpConfig {
  readonly defaults: BgpDefaults;
  /** Peers of the environment. */
  readonly wishes: Wishes;
  /** Annotations of the own Node with this prefix are read; undefined: none. */
  readonly annotationPrefix?: string;
  /** Name of the ConfigMap with peers and communities, beside the one with the pools. */
  readonly configMap: string;
  /** Folder with a file for each password; undefined: Secret `kubevip-bgp`. */
  readonly passwords?: string;
  /** Undefined: peers are called, and do not call. */
  readonly listenPort?: number;
  readonly provider?: {
    readonly kind: 'equinix-metal';
    readonly project: string;
    readonly tokenFile: string;
    readonly url?: string;
  };
  /** Addresses of Services stand on the interface, instead of on loopback. */
  readonly attach: boolean;
}

/** @throws KubevipError BAD_CONFIG naming the variable that is wrong. */
export function readBgp(v: BgpSettings): BgpConfig {
  const sourceIp = optional('bgp_sourceip', v.bgp_sourceip, (text) => address('', text));
  const sourceLink = optional('bgp_sourceif', v.bgp_sourceif, (text) => linkName('', text));
  if (sourceIp !== undefined && sourceLink !== undefined)
    throw bad('bgp_sourceip and bgp_sourceif exclude each other: leave one of them');
  const routerId = optional('bgp_routerid', v.bgp_routerid, (text) => address('', text, 4));
  const routerLink = optional('bgp_routerinterface', v.bgp_routerinterface, (text) => linkName('', text));
  const nextHop = read('mpbgp_nexthop', () => nextHopPolicy(v.mpbgp_nexthop, v.mpbgp_ipv4, v.mpbgp_ipv6));
  const hold = read('bgp_hold_time', () => holdTime(`${v.bgp_hold_time}`));
  const keepalive = v.bgp_keepalive_interval * 1000;
  if (hold > 0 && keepalive >= hold * 1000)
    throw bad(`bgp_keepalive_interval (${v.bgp_keepalive_interval} s) has to be less than bgp_hold_time (${hold} s)`);
  const watched = v.kubevip_bgp_bfd === '' ? 'off' : read('kubevip_bgp_bfd', () => bfd(v.kubevip_bgp_bfd));
  const listed = parsePeers(v.bgp_peers);
  return {
    defaults: {
      as: v.bgp_as,
      holdTime: hold,
      keepalive,
      restartTime: v.kubevip_bgp_restart_time,
      ...(routerId === undefined ? {} : { routerId }),
      ...(routerLink === undefined ? {} : { routerLink }),
      ...(sourceIp === undefined ? {} : { sourceIp }),
      ...(sourceLink === undefined ? {} : { sourceLink }),
      ...(nextHop === undefined ? {} : { nextHop }),
      ...(watched === 'off' ? {} : { bfd: watched }),
    },
    wishes: { peers: [...singlePeer(v), ...listed.peers], problems: listed.problems },
    configMap: v.kubevip_bgp_configmap,
    attach: v.bgp_attach_ip_to_interface,
    ...(v.annotation === '' ? {} : { annotationPrefix: v.annotation.replace(/\/+$/, '') }),
    ...(v.kubevip_bgp_passwords === '' ? {} : { passwords: v.kubevip_bgp_passwords }),
    ...(v.kubevip_bgp_listen_port === 0 ? {} : { listenPort: v.kubevip_bgp_listen_port }),
    ...providerOf(v),
  };
}

/** kube-vip's variables for one peer alone. */
function singlePeer(v: BgpSettings): PeerWish[] {
  const ip = optional('bgp_peeraddress', v.bgp_peeraddress, (text) => address('', text));
  if (ip === undefined) return [];
  return [
    {
      source: 'bgp_peeraddress',
      at: { ip },
      as: v.bgp_peeras,
      ...(v.bgp_peerpass === '' ? {} : { password: read('bgp_peerpass', () => password(v.bgp_peerpass)) }),
      ...(v.bgp_multihop ? { multihop: MULTIHOP_TTL } : {}),
    },
  ];
}

function providerOf(v: BgpSettings): Pick<BgpConfig, 'provider'> {
  if (v.kubevip_bgp_provider === 'none') return {};
  if (v.kubevip_bgp_provider_project === '' || v.kubevip_bgp_provider_token_file === '') {
    throw bad(
      `kubevip_bgp_provider=${v.kubevip_bgp_provider} needs kubevip_bgp_provider_project and kubevip_bgp_provider_token_file`,
    );
  }
  return {
    provider: {
      kind: v.kubevip_bgp_provider,
      project: v.kubevip_bgp_provider_project,
      tokenFile: v.kubevip_bgp_provider_token_file,
      ...(v.kubevip_bgp_provider_url === '' ? {} : { url: v.kubevip_bgp_provider_url.replace(/\/+$/, '') }),
    },
  };
}

function optional<T extends Ip | string>(name: string, text: string, parse: (text: string) => T): T | undefined {
  return text === '' ? undefined : read(name, () => parse(text));
}

function read<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw bad(`${name}: ${error.message.trim()}`);
  }
}

function bad(message: string): KubevipError {
  return new KubevipError(message, { code: 'BAD_CONFIG', exit: EXIT.usage });
}

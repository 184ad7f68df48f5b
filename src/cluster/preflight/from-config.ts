/** What preflight needs to know, out of the configuration that `init` and `join` are given. */
import { parseCidr, rangeOf, type Cidr, type Range } from '../../model/cidr.ts';
import { parseBgpPeer } from '../bgp-peer.ts';
import { bgpOf } from '../bgp-config.ts';
import { vipAddresses, type BootstrapConfig } from '../config.ts';
import type { PreflightRequest, PreflightRole } from './request.ts';

export function preflightRequest(
  config: BootstrapConfig,
  role: PreflightRole,
  more: Pick<
    PreflightRequest,
    'cluster' | 'takenNames' | 'kubernetesVersion' | 'ignore' | 'resuming' | 'vips' | 'bgp'
  > = {},
): PreflightRequest {
  const { controlPlane, kubernetesVersion, nodeName, criSocket, services, kubeadm } = config;
  const bgp = routersOf(config);
  const kubelet = kubeadm.patches.KubeletConfiguration ?? {};
  const flag = (key: string): boolean | undefined => (typeof kubelet[key] === 'boolean' ? kubelet[key] : undefined);
  const [failSwapOn, failCgroupV1] = [flag('failSwapOn'), flag('failCgroupV1')];
  return {
    role,
    vips: vipAddresses(config),
    ...(bgp === undefined ? {} : { bgp }),
    port: controlPlane.port,
    podSubnets: cidrs(config.podSubnet),
    serviceSubnets: cidrs(config.serviceSubnet),
    pools: services.enabled ? Object.values(services.pools).flatMap(ranges) : [],
    kubelet: {
      ...(failSwapOn === undefined ? {} : { failSwapOn }),
      ...(failCgroupV1 === undefined ? {} : { failCgroupV1 }),
    },
    ...(controlPlane.interface === undefined ? {} : { link: controlPlane.interface }),
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(criSocket === undefined ? {} : { criSocket }),
    ...more,
    ignore: [...ignoredFor(kubeadm.ignorePreflightErrors), ...(more.ignore ?? [])],
  };
}

/**
 * Whom addresses are told to; undefined: they are announced on the LAN.
 * @param password of the sessions, where this machine knows it.
 */
export function routersOf(config: BootstrapConfig, password?: string): PreflightRequest['bgp'] {
  const bgp = bgpOf(config);
  const read = bgp?.peers.map(parseBgpPeer) ?? [];
  const { bgpPasswordFile, bgpSourceIp, bgpSourceInterface } = config.controlPlane;
  return (
    bgp && {
      as: bgp.as,
      peers: read.flatMap((one) => ('peer' in one ? [one.peer] : [])),
      ...(bgpPasswordFile === undefined ? {} : { password: password === undefined ? {} : { text: password } }),
      ...(bgpSourceIp === undefined ? {} : { sourceIp: bgpSourceIp }),
      ...(bgpSourceInterface === undefined ? {} : { sourceLink: bgpSourceInterface }),
    }
  );
}

function cidrs(text: string): Cidr[] {
  return text.split(',').flatMap((part) => parseCidr(part) ?? []);
}

function ranges(text: string): Range[] {
  return text.split(',').flatMap((part) => rangeOf(part) ?? []);
}

/** Our names for what people tell kubeadm to pass over, by its names (in any case, as kubeadm takes them). */
const OURS: Readonly<Record<string, readonly string[]>> = {
  numcpu: ['cpus'],
  mem: ['memory'],
  swap: ['swap'],
  systemverification: ['cgroup-v1', 'cgroup-controllers', 'kernel'],
  cri: ['container-runtime', 'container-runtime-cri'],
};

function ignoredFor(kubeadmNames: readonly string[]): string[] {
  return kubeadmNames.flatMap((name) => OURS[name.toLowerCase()] ?? []);
}

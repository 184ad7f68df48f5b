/** What the clusters of these tests are told; the rest is what a person would leave as it is. */
import { stringify } from 'yaml';

export const VIP = '10.77.0.40';
export const VIP6 = '2001:db8:77::40';
/** The first address that a Service gets. */
export const FIRST = '10.77.0.200';

/** Addresses that lie in no subnet: routers are told of them. */
export const ROUTED = {
  vip: '10.90.0.40',
  vip6: 'fd90::40',
  /** The first addresses that a Service gets. */
  first: '10.90.0.200',
  first6: 'fd90::200',
  /** All of them. */
  prefix: '10.90.0.0/24',
  prefix6: 'fd90::/64',
} as const;

/** As a file for `--config`. */
export function clusterConfig(): string {
  return configWith([VIP, VIP6], {
    global: '10.77.0.200-10.77.0.219,2001:db8:77::200-2001:db8:77::219',
    finance: '10.77.0.230-10.77.0.239',
  });
}

/** The same with addresses that lie in no subnet. */
export function routedConfig(vip: readonly string[] = [ROUTED.vip, ROUTED.vip6]): string {
  return configWith(vip, { global: '10.90.0.200-10.90.0.219,fd90::200-fd90::219' });
}

function configWith(vip: readonly string[], pools: Readonly<Record<string, string>>): string {
  return stringify({
    clusterName: 'home',
    controlPlane: { vip },
    kubernetesVersion: 'v1.36.2',
    podSubnet: '198.18.0.0/16,fd88::/48',
    serviceSubnet: '198.19.0.0/16,fd96::/112',
    services: { pools },
    kubeadm: MACHINE,
  });
}

/** What this kind of machine needs whoever makes the cluster: version 1 of control groups, and no real disk. */
const MACHINE = {
  ignorePreflightErrors: ['SystemVerification'],
  patches: {
    KubeletConfiguration: {
      cgroupDriver: 'cgroupfs',
      evictionHard: {
        'memory.available': '50Mi',
        'nodefs.available': '1%',
        'imagefs.available': '1%',
        'nodefs.inodesFree': '1%',
        'imagefs.inodesFree': '1%',
      },
      imageGCHighThresholdPercent: 100,
    },
    KubeProxyConfiguration: {
      mode: 'nftables',
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    },
  },
};

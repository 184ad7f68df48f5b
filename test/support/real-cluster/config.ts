/** What the clusters of these tests are told; the rest is what a person would leave as it is. */
import { stringify } from 'yaml';

export const VIP = '10.77.0.40';
export const VIP6 = '2001:db8:77::40';
/** The first address that a Service gets. */
export const FIRST = '10.77.0.200';

/** As a file for `--config`. */
export function clusterConfig(): string {
  return stringify({
    clusterName: 'home',
    controlPlane: { vip: [VIP, VIP6] },
    kubernetesVersion: 'v1.36.2',
    podSubnet: '198.18.0.0/16,fd88::/48',
    serviceSubnet: '198.19.0.0/16,fd96::/112',
    services: {
      pools: {
        global: '10.77.0.200-10.77.0.219,2001:db8:77::200-2001:db8:77::219',
        finance: '10.77.0.230-10.77.0.239',
      },
    },
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

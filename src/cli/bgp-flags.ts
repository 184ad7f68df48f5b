/** Flags of `init` and `join` about BGP, named like the agent's settings that they end in. */
import { resolve } from 'node:path';
import { Flags } from '@oclif/core';

const ofCluster = { helpGroup: 'BGP' } as const;

export const bgpClusterFlags = {
  'bgp-peer': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'Router that is told of the virtual IP and of Services by BGP, in place of ARP and NDP',
    helpValue: 'ADDRESS:AS',
    ...ofCluster,
  }),
  'bgp-as': Flags.integer({ description: 'AS of the nodes (default 65000)', helpValue: 'AS', ...ofCluster }),
  'bgp-hold-time': Flags.integer({
    description: 'A node that is silent for so long is taken for dead by routers (default 30)',
    helpValue: 'SECONDS',
    ...ofCluster,
  }),
  'bgp-keepalive-interval': Flags.integer({
    description: 'How often a sign of life is sent (default a third of the hold time)',
    helpValue: 'SECONDS',
    ...ofCluster,
  }),
  'bgp-bfd': Flags.string({
    description:
      'BFD with every router, which notices a dead node in a fraction of a second: 300x3 is three times 300 ms',
    helpValue: 'MSxN',
    ...ofCluster,
  }),
  'bgp-password-file': Flags.string({
    description: 'File with the password of the sessions (TCP MD5); it is kept in the Secret kubevip-bgp',
    helpValue: 'FILE',
    parse: async (path) => Promise.resolve(path === '' ? path : resolve(path)),
    ...ofCluster,
  }),
  'bgp-source-interface': Flags.string({
    description: 'Interface that sessions leave by, on every node',
    helpValue: 'NAME',
    ...ofCluster,
  }),
};

export const bgpMachineFlags = {
  'bgp-source-ip': Flags.string({
    description: 'Address of this control plane that its BGP sessions come from',
    helpValue: 'ADDRESS',
    helpGroup: 'THIS MACHINE',
  }),
  'bgp-router-id': Flags.string({
    description: 'BGP router ID of this control plane; by default an IPv4 address of it',
    helpValue: 'IPV4',
    helpGroup: 'THIS MACHINE',
  }),
};

/** Which key of the configuration each flag sets. */
export const BGP_SETTING_FLAGS = [
  ['controlPlane.bgpPeers', 'bgp-peer'],
  ['controlPlane.bgpAs', 'bgp-as'],
  ['controlPlane.bgpHoldTime', 'bgp-hold-time'],
  ['controlPlane.bgpKeepalive', 'bgp-keepalive-interval'],
  ['controlPlane.bgpBfd', 'bgp-bfd'],
  ['controlPlane.bgpPasswordFile', 'bgp-password-file'],
  ['controlPlane.bgpSourceInterface', 'bgp-source-interface'],
  ['controlPlane.bgpSourceIp', 'bgp-source-ip'],
  ['controlPlane.bgpRouterId', 'bgp-router-id'],
] as const;

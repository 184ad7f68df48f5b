/** Every check, in the order in which a person would mend things. */
import { bgpPeers } from './checks/bgp-peers.ts';
import { cgroups } from './checks/cgroups.ts';
import { clock } from './checks/clock.ts';
import { clusterReachable } from './checks/cluster-reachable.ts';
import { dhcp } from './checks/dhcp.ts';
import { disk } from './checks/disk.ts';
import { firewall } from './checks/firewall.ts';
import { kernelModules } from './checks/kernel-modules.ts';
import { kubeletService } from './checks/kubelet-service.ts';
import { leftovers } from './checks/leftovers.ts';
import { nic } from './checks/nic.ts';
import { nodeName } from './checks/node-name.ts';
import { platform } from './checks/platform.ts';
import { pools } from './checks/pools.ts';
import { ports } from './checks/ports.ts';
import { programs } from './checks/programs.ts';
import { resources } from './checks/resources.ts';
import { root } from './checks/root.ts';
import { runtime } from './checks/runtime.ts';
import { subnets } from './checks/subnets.ts';
import { swap } from './checks/swap.ts';
import { sysctls } from './checks/sysctls.ts';
import { tools } from './checks/tools.ts';
import { vipInUse } from './checks/vip-in-use.ts';
import { vipSubnet } from './checks/vip-subnet.ts';
import { writable } from './checks/writable.ts';
import type { Check } from './request.ts';

export const CHECKS: readonly Check[] = [
  platform,
  root,
  resources,
  tools,
  kernelModules,
  sysctls,
  swap,
  cgroups,
  runtime,
  programs,
  kubeletService,
  disk,
  writable,
  leftovers,
  ports,
  firewall,
  nodeName,
  nic,
  vipSubnet,
  vipInUse,
  bgpPeers,
  dhcp,
  pools,
  subnets,
  clusterReachable,
  clock,
];

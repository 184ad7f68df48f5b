/**
 * Every key that kubevip reads or writes on objects. Keys of kube-vip (prefix `kube-vip.io/`) are read
 * as they are, and written where kube-vip writes them too, so that either can follow the other; what
 * kube-vip has no key for is ours (`kubevip.dev/`). docs/reference/annotations.md is generated from here.
 */
export interface AnnotationKey {
  readonly key: string;
  readonly on: 'Service' | 'Lease' | 'Node';
  readonly access: 'read' | 'written' | 'read and written';
  /** Form of the value. */
  readonly value: string;
  readonly meaning: string;
}

export const ANNOTATIONS = {
  /* kube-vip's, read */
  loadBalancerIPs: {
    key: 'kube-vip.io/loadbalancerIPs',
    on: 'Service',
    access: 'read and written',
    value: 'address[,address] | 0.0.0.0 | :: | 0.0.0.0,:: | name[,name]',
    meaning:
      'The addresses wanted; 0.0.0.0 asks for an IPv4 address by DHCP, :: for an IPv6 address by DHCPv6, both for both, and so does a DNS name with `kube-vip.io/ddns`. Without that a DNS name, or several, stand for the first address of each family of the Service that they lead to, also when that changes. Written with the address a pool gave.',
  },
  ignore: {
    key: 'kube-vip.io/ignore',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning: 'Leave this Service alone.',
  },
  dhcpHostname: {
    key: 'kube-vip.io/loadbalancerHostname',
    on: 'Service',
    access: 'read',
    value: 'host name',
    meaning: 'Host name told to the DHCP server (option 12; by DHCPv6 option 39).',
  },
  ddns: {
    key: 'kube-vip.io/ddns',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning:
      'With a DNS name in `kube-vip.io/loadbalancerIPs`: an address by DHCP, with the first label of the name as host name (option 12), which the DHCP server can enter into its DNS.',
  },
  requestedIP: {
    key: 'kube-vip.io/requestedIP',
    on: 'Service',
    access: 'read and written',
    value: 'address',
    meaning: 'Addresses to ask the DHCP servers for, one of a family. Written with those they gave.',
  },
  hwaddr: {
    key: 'kube-vip.io/hwaddr',
    on: 'Service',
    access: 'read and written',
    value: 'MAC',
    meaning: 'Hardware address shown to the DHCP server (chaddr). Derived from the Service when absent; written.',
  },
  dhcpBroadcast: {
    key: 'kube-vip.io/dhcp-broadcast',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning:
      'Ask the DHCP server for broadcast answers. Always so here: the annotation is accepted and changes nothing.',
  },
  serviceInterface: {
    key: 'kube-vip.io/serviceInterface',
    on: 'Service',
    access: 'read and written',
    value: 'interface | auto',
    meaning: 'Network interface for the address. `auto`, and the default: the one whose subnet holds it.',
  },
  forwardUPnP: {
    key: 'kube-vip.io/forwardUPNP',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning: 'Open every port of the Service on the router, under the same number.',
  },
  upnpLeaseDuration: {
    key: 'kube-vip.io/upnp-lease-duration',
    on: 'Service',
    access: 'read',
    value: 'Go duration, 0 = until removed',
    meaning:
      'Lifetime of router mappings between refreshes. Default 1h. The first is at most 10 min, until it is on record.',
  },
  serviceVLAN: {
    key: 'kube-vip.io/serviceVLAN',
    on: 'Service',
    access: 'read',
    value: 'interface.VLAN, as eth0.200',
    meaning:
      'Put the addresses into this VLAN (1 to 4094). Its interface is made on every node where it is missing, shared by Services, and removed with the last; one that was there before stays. Wins over `kube-vip.io/serviceInterface`.',
  },
  ignoreServiceSecurity: {
    key: 'kube-vip.io/ignore-service-security',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning:
      'Leave all ports of the addresses open, also with `enable_service_security`. An address that is shared is open as soon as one of its Services asks for that.',
  },
  egress: {
    key: 'kube-vip.io/egress',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning:
      'Connections that pods of the Service on the owner’s node begin leave the cluster in the name of its address, in each family that it has one of. With `externalTrafficPolicy: Local` the owner is a node with such a pod.',
  },
  egressDestinationPorts: {
    key: 'kube-vip.io/egress-destination-ports',
    on: 'Service',
    access: 'read',
    value: 'tcp:443[,udp:53]',
    meaning: 'Only those to these ports. Without a protocol it is TCP.',
  },
  egressAllowedNetworks: {
    key: 'kube-vip.io/egress-allowed-networks',
    on: 'Service',
    access: 'read',
    value: 'network[,network]',
    meaning: 'Only those to these networks or addresses.',
  },
  egressDeniedNetworks: {
    key: 'kube-vip.io/egress-denied-networks',
    on: 'Service',
    access: 'read',
    value: 'network[,network]',
    meaning: 'Not those to these networks or addresses.',
  },
  egressDetectApiServer: {
    key: 'kube-vip.io/egress-detect-api-server',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning: 'Not those to the API servers. All values but `false` mean so, as in kube-vip.',
  },
  flushConntrack: {
    key: 'kube-vip.io/flush-conntrack',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning:
      'With egress: also cut TCP connections that stand when it begins, so that they are made anew in the name of the address. Connections in the name of an address that leaves the node are always cut.',
  },
  vipHost: {
    key: 'kube-vip.io/vipHost',
    on: 'Service',
    access: 'written',
    value: 'node',
    meaning: 'The node that owns the address.',
  },
  /* ours */
  conflict: {
    key: 'kubevip.dev/conflict',
    on: 'Service',
    access: 'read',
    value: 'defend | yield',
    meaning:
      'What to do when another host claims an address of this Service: keep it and answer (`defend`), or let go until that host is gone (`yield`). Default: the agent’s `conflict_policy`, which is `defend` unless set.',
  },
  pool: {
    key: 'kubevip.dev/pool',
    on: 'Service',
    access: 'read',
    value: 'name of a pool key, without cidr- or range-',
    meaning: 'Take the address from this pool instead of the namespace’s.',
  },
  dhcp: {
    key: 'kubevip.dev/dhcp',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning: 'Address by DHCP, like 0.0.0.0; for a Service of IPv6 alone like ::.',
  },
  router: {
    key: 'kubevip.dev/router',
    on: 'Service',
    access: 'read',
    value: 'true | pinhole | [port=]external[,…]',
    meaning:
      'Open ports on the router. `true`: every port under its own number; `8080`: the only port as 8080; `http=8080,443=8443`: by port name or number. An IPv6 address gets a pinhole for each of these ports, always under its own number; `pinhole`: that only, nothing by IPv4.',
  },
  mdns: {
    key: 'kubevip.dev/mdns',
    on: 'Service',
    access: 'read',
    value: 'label | true',
    meaning: 'Name on the LAN: `web` gives web.local. `true`: the name of the Service.',
  },
  egressOurs: {
    key: 'kubevip.dev/egress',
    on: 'Service',
    access: 'read',
    value: 'true',
    meaning: 'The same as `kube-vip.io/egress`.',
  },
  externalDnsHostname: {
    key: 'external-dns.alpha.kubernetes.io/hostname',
    on: 'Service',
    access: 'read',
    value: 'name[,name]',
    meaning: 'Names ending in .local are published by mDNS; others are left to ExternalDNS.',
  },
  externalDnsHostnameNew: {
    key: 'external-dns.kubernetes.io/hostname',
    on: 'Service',
    access: 'read',
    value: 'name[,name]',
    meaning: 'As above, newer prefix.',
  },
  assigned: {
    key: 'kubevip.dev/assigned',
    on: 'Service',
    access: 'written',
    value: 'JSON AssignedAddress',
    meaning: 'The address the allocator gave or confirmed, where it came from, and the DHCP leases if there are any.',
  },
  routerMappings: {
    key: 'kubevip.dev/router-mappings',
    on: 'Service',
    access: 'written',
    value: 'JSON MappingRecord[]',
    meaning: 'What was opened on which router by which protocol, so that any node can refresh or remove it.',
  },
  exposed: {
    key: 'kubevip.dev/exposed',
    on: 'Service',
    access: 'read and written',
    value: 'created | type before',
    meaning:
      'Written by `kubevip expose`: whether it made the Service, or the type it had before, so that `unexpose` knows what to go back to.',
  },
  publishedNames: {
    key: 'kubevip.dev/names',
    on: 'Service',
    access: 'written',
    value: 'name[,name]',
    meaning: 'The names in use on the LAN, after any renaming; a new owner announces them without probing.',
  },
  publishedInstances: {
    key: 'kubevip.dev/instances',
    on: 'Service',
    access: 'written',
    value: 'name[,name]',
    meaning: 'The DNS-SD instances in use on the LAN, likewise.',
  },
  draining: {
    key: 'kubevip.dev/draining',
    on: 'Node',
    access: 'read and written',
    value: 'time (RFC 3339)',
    meaning:
      'Written by `kubevip handover`: addresses move away from this node and stay away, as long as there is another node for them. Any value counts; `--undo` removes it.',
  },
  agent: {
    key: 'kubevip.dev/agent',
    on: 'Lease',
    access: 'written',
    value: 'JSON AgentInfo',
    meaning:
      'Version and settings of the agent of a node, on the Lease that says it is alive; `kubevip status` shows them.',
  },
  failovers: {
    key: 'kubevip.dev/failovers',
    on: 'Lease',
    access: 'written',
    value: 'JSON FailoverRecord[]',
    meaning:
      'The last failovers to this node, newest first, with the times of each step, on the Lease that says it is alive, and on that of the control-plane VIP; `kubevip status` shows them.',
  },
  heartbeat: {
    key: 'kubevip.dev/heartbeat',
    on: 'Lease',
    access: 'read and written',
    value: 'address[,address]',
    meaning:
      'Where the agent of a node hears heartbeats, on the Lease that says it is alive. Absent where it elects through Leases.',
  },
  leaseAddress: {
    key: 'kubevip.dev/address',
    on: 'Lease',
    access: 'written',
    value: 'address',
    meaning:
      'The address whose owner the Lease records; it stands as long as the Lease of the owner’s node is renewed.',
  },
  controlPlane: {
    key: 'kubevip.dev/control-plane',
    on: 'Lease',
    access: 'read and written',
    value: 'JSON ControlPlaneRecord',
    meaning:
      'The addresses of the control-plane VIP, its port and its names on the LAN, on the Lease of its owner (`plndr-cp-lock`).',
  },
  stayAway: {
    key: 'kubevip.dev/stay-away',
    on: 'Lease',
    access: 'read and written',
    value: 'name[,name]',
    meaning:
      'Nodes that the control-plane VIP stays away from, on its Lease, as long as another control plane has it. Written by `kubevip handover`, and by its `--undo`.',
  },
  bgp: {
    key: 'kubevip.dev/bgp',
    on: 'Lease',
    access: 'read and written',
    value: 'JSON BgpRecord',
    meaning: 'The BGP sessions of a node and what is wrong with them, on its Lease `kubevip-bgp-NODE`.',
  },
  dhcpSpares: {
    key: 'kubevip.dev/dhcp-spares',
    on: 'Lease',
    access: 'read and written',
    value: 'JSON',
    meaning: 'The DHCP leases kept ready (`dhcp_spare`, `dhcp6_spare`), for whichever agent gives out addresses next.',
  },
} as const satisfies Record<string, AnnotationKey>;

/** Shorthand: the key strings. */
export const KEY = Object.fromEntries(Object.entries(ANNOTATIONS).map(([name, { key }]) => [name, key])) as {
  readonly [Name in keyof typeof ANNOTATIONS]: (typeof ANNOTATIONS)[Name]['key'];
};

/** Held while something outside the cluster (lease, mapping) has to be undone before the Service may go. */
export const FINALIZER = 'kubevip.dev/cleanup';
/** Service label that kube-vip's cloud provider writes and counts by. */
export const IMPLEMENTATION_LABEL = { key: 'implementation', value: 'kube-vip' } as const;
/** Kubernetes' own label on nodes, set on every control plane by kubeadm. Ignored unless `honor_exclude_label`. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** kube-vip's class, accepted by default so that its users change nothing. */
export const DEFAULT_CLASS = 'kube-vip.io/kube-vip-class';
/** Our own, for clusters where both run. */
export const KUBEVIP_CLASS = 'kubevip.dev/kubevip';

/** Types of the conditions on a Service, one per stage of the pipeline and one for the whole. */
export const CONDITION = {
  address: 'kubevip.dev/AddressAssigned',
  owner: 'kubevip.dev/Owned',
  announcement: 'kubevip.dev/Announced',
  router: 'kubevip.dev/RouterMapped',
  name: 'kubevip.dev/NamePublished',
  ready: 'kubevip.dev/Ready',
} as const;

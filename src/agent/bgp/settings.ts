/** kube-vip’s variables about BGP, and ours. One line per variable; docs/reference/agent.md is generated from here. */
import * as z from 'zod';
import { asNumber, bool, choice, ours, text } from '../setting.ts';

export const BGP_SETTINGS = {
  bgp_as: asNumber(65_000, 'Our AS.'),
  bgp_routerid: text(
    '',
    'IPv4 address',
    'Our router ID. By default the source address, else that of the default route.',
  ),
  bgp_routerinterface: text('', 'interface', 'Interface whose first IPv4 address is the router ID.'),
  bgp_peers: text(
    '',
    'ADDRESS:AS[:PASSWORD[:MULTIHOP[:PORT[:MPBGP[:BFD]]]]],…',
    'Peers. An IPv6 address in brackets; `unnumbered:INTERFACE` for the router that advertises itself there; MPBGP is `mpbgp_nexthop=…;mpbgp_ipv4=…;mpbgp_ipv6=…`, BFD `true;300;300;3`.',
  ),
  bgp_peeraddress: text('', 'address', 'One peer more.'),
  bgp_peeras: asNumber(65_000, 'Its AS.'),
  bgp_peerpass: text('', 'password', 'Its TCP MD5 password.'),
  bgp_multihop: bool(false, 'There are routers on the way to it.'),
  bgp_sourceif: text('', 'interface', 'Interface that sessions leave by.'),
  bgp_sourceip: text('', 'address', 'Our address of sessions, with peers of its family.'),
  bgp_hold_time: z.coerce.number().int().min(0).max(65_535).default(30).meta({
    form: 'seconds',
    description: 'A peer that is silent for so long is gone. 0: never; else at least 3.',
  }),
  bgp_keepalive_interval: z.coerce.number().int().min(1).max(21_845).default(10).meta({
    form: 'seconds',
    description: 'How often a sign of life is sent, at most a third of what hold time both sides agree on.',
  }),
  bgp_attach_ip_to_interface: bool(
    false,
    'Addresses of Services stand on `vip_servicesinterface` or `vip_interface` instead of on `lo`.',
  ),
  annotation: text('', 'prefix', 'Annotations of the own Node that begin so hold BGP peers too.'),
  mpbgp_nexthop: z.enum(['', 'fixed', 'auto_sourceip', 'auto_sourceif']).default('').meta({
    form: 'fixed | auto_sourceip | auto_sourceif',
    description:
      'Next hop of addresses that are not of the session’s family: the ones below, or those of the interface of `bgp_sourceip` or `bgp_sourceif`. By default those of the interface that the session leaves by, as far as that is known.',
  }),
  mpbgp_ipv4: text('', 'IPv4 address', 'That of IPv4, when fixed.'),
  mpbgp_ipv6: text('', 'IPv6 address', 'That of IPv6, when fixed.'),
  kubevip_bgp_configmap: ours(
    text('kubevip-bgp', 'name', 'ConfigMap with peers, communities and more, beside the one with the pools.'),
  ),
  kubevip_bgp_passwords: ours(
    text('', 'folder', 'Files with passwords of peers, called as the ConfigMap says. Empty: Secret `kubevip-bgp`.'),
  ),
  kubevip_bgp_bfd: ours(
    text(
      '',
      'MSxN | true',
      'BFD with every peer that does not say itself, such as `300x3`: packets each 300 ms, and three may be missing. Empty: none.',
    ),
  ),
  kubevip_bgp_restart_time: ours(
    z.coerce.number().int().min(0).max(4095).default(120).meta({
      form: 'seconds',
      description: 'For how long routers keep our routes while the agent is away (RFC 4724). 0: not at all.',
    }),
  ),
  kubevip_bgp_listen_port: ours(
    z.coerce.number().int().min(0).max(65_535).default(0).meta({
      form: 'port',
      description: 'Where peers may call us. 0: nowhere, as with kube-vip.',
    }),
  ),
  kubevip_bgp_provider: choice(['none', 'equinix-metal'], 'none', 'Who is asked for peers of this machine.'),
  kubevip_bgp_provider_project: ours(text('', 'id', 'Project that the machine is in there.')),
  kubevip_bgp_provider_token_file: ours(text('', 'file', 'File with the API token for it.')),
  kubevip_bgp_provider_url: ours(text('', 'URL', 'Its API, where it is not the documented one.')),
} as const;

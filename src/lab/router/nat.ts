/** The router's firewall and NAT, with the chains that miniupnpd fills. */
import { run, runOrThrow } from '../exec.ts';
import { netnsOf, type LabPaths } from '../layout.ts';
import { loadNft } from '../netns.ts';
import type { LabOptions } from '../options.ts';
import { fromBigInt } from '../../model/ip.ts';

/**
 * Replaces the whole ruleset: a home router that lets the LAN out and nothing in, mappings made so far are forgotten.
 * The names of the table and chains are miniupnpd's defaults.
 */
export async function loadNat(paths: LabPaths, options: LabOptions): Promise<void> {
  await loadNft(netnsOf(paths, 'router'), natRules(options));
}

/** Lets the LAN out and nothing in, with the chains that miniupnpd fills, under its default names. */
export const MINIUPNPD_TABLE = `table inet filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "eth0" accept
    jump miniupnpd
  }
  chain miniupnpd {
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    jump prerouting_miniupnpd
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    jump postrouting_miniupnpd
    meta nfproto ipv4 oifname "wan0" masquerade
  }
  chain prerouting_miniupnpd {
  }
  chain postrouting_miniupnpd {
  }
}
`;

function natRules(options: LabOptions): string {
  // RFC 6886 §3.5 and RFC 6887 §9: the first byte of a request is the version, 0 for NAT-PMP and 2 for PCP.
  const silent = [...(options.upnp.natPmp ? [] : [0]), ...(options.upnp.pcp ? [] : [2])];
  return `flush ruleset
table inet lab {
  chain input {
    type filter hook input priority 0; policy accept;
    ${silent.map((version) => `iifname "eth0" udp dport 5351 @th,64,8 ${version} drop`).join('\n    ')}
    iifname "wan0" ct state established,related accept
    iifname "wan0" meta l4proto { icmp, ipv6-icmp } accept
    iifname "wan0" drop
  }
}
${MINIUPNPD_TABLE}`;
}

/** One port open on the router, as netfilter has it. */
export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP';
  readonly externalPort: number;
  readonly internalIp: string;
  readonly internalPort: number;
}

/** One address and port on the LAN that the firewall lets the Internet reach over IPv6. */
export interface Pinhole {
  readonly protocol: 'TCP' | 'UDP';
  readonly internalIp: string;
  readonly internalPort: number;
}

/** The pinholes that are really in force: read from the ruleset, not from the daemon. */
export async function readPinholes(paths: LabPaths): Promise<Pinhole[]> {
  const text = await runOrThrow(['nft', 'list', 'chain', 'inet', 'filter', 'miniupnpd'], {
    netns: netnsOf(paths, 'router'),
  });
  // Here too by places in the header: the destination's 128 bits, then the protocol. IPv4 mappings have rules in this
  // chain as well, with a destination of 32 bits elsewhere.
  const rule = /th dport (\d+) .*@nh,192,128 0x([0-9a-f]+) @nh,48,8 (0x6|0x11) accept/;
  return text.split('\n').flatMap((line): Pinhole[] => {
    const [, internalPort, address = '', protocol] = rule.exec(line) ?? [];
    if (protocol === undefined) return [];
    const internalIp = fromBigInt(BigInt(`0x${address}`), 6);
    return [{ protocol: protocol === '0x6' ? 'TCP' : 'UDP', internalIp, internalPort: Number(internalPort) }];
  });
}

/** The mappings that are really in force: read from the ruleset, not from the daemon. */
export async function readMappings(paths: LabPaths): Promise<PortMapping[]> {
  const text = await runOrThrow(['nft', 'list', 'chain', 'inet', 'filter', 'prerouting_miniupnpd'], {
    netns: netnsOf(paths, 'router'),
  });
  // miniupnpd matches the protocol by its number at its place in the header, which nft shows as it is.
  const rule = /@nh,72,8 (0x6|0x11) th dport (\d+) dnat ip to (\d+\.\d+\.\d+\.\d+):(\d+)/;
  return text.split('\n').flatMap((line): PortMapping[] => {
    const [, protocol, externalPort, internalIp = '', internalPort] = rule.exec(line) ?? [];
    if (protocol === undefined) return [];
    const ports = { externalPort: Number(externalPort), internalPort: Number(internalPort) };
    return [{ protocol: protocol === '0x6' ? 'TCP' : 'UDP', internalIp, ...ports }];
  });
}

/** Forgets the connections under way. Without conntrack(8) they end by themselves. */
export async function forgetConnections(paths: LabPaths): Promise<void> {
  await run(['conntrack', '-F'], { netns: netnsOf(paths, 'router') }).catch(() => undefined);
}

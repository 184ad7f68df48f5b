/** dnsmasq on the router: DHCPv4, DNS, and with IPv6 router advertisements and DHCPv6. */
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import type { DaemonSpec } from '../daemons.ts';
import { LAN, LAN6, nodeAddresses, type LabPaths } from '../layout.ts';
import { nodeNames } from '../network.ts';
import type { LabOptions } from '../options.ts';

export function dnsmasq(paths: LabPaths, options: LabOptions): DaemonSpec {
  const config = join(paths.config, 'dnsmasq.conf');
  return {
    name: 'router-dnsmasq',
    host: 'router',
    argv: ['dnsmasq', '--keep-in-foreground', `--conf-file=${config}`, '--pid-file='],
    files: { [config]: `${dnsmasqLines(paths, options).join('\n')}\n` },
    ready: (log) => /dnsmasq(\[\d+\])?: started/.test(log),
  };
}

function dnsmasqLines(paths: LabPaths, options: LabOptions): string[] {
  const { enabled, pingCheck, leaseTime } = options.dhcp;
  const hostRecord = (name: string, ...[ipv4, ipv6]: [string, string]): string =>
    `host-record=${name}.lan,${ipv4}${options.ipv6 ? `,${ipv6}` : ''}`;
  return [
    // The lease file lies in a folder that only root may enter.
    'user=root',
    'log-facility=-',
    'interface=eth0',
    'bind-interfaces',
    `dhcp-leasefile=${paths.leases}`,
    'no-resolv',
    'no-hosts',
    'domain=lan',
    'local=/lan/',
    hostRecord('router', LAN.router, LAN6.router),
    hostRecord('laptop', LAN.laptop, LAN6.laptop),
    ...nodeNames(options).map((node) => hostRecord(node, nodeAddresses(node).lan, nodeAddresses(node).lan6)),
    ...(enabled
      ? [
          'dhcp-authoritative',
          'log-dhcp',
          `dhcp-range=${LAN.dhcp.first},${LAN.dhcp.last},255.255.255.0,${leaseTime}`,
          `dhcp-option=option:router,${LAN.router}`,
          `dhcp-option=option:dns-server,${LAN.router}`,
          ...(pingCheck ? [] : ['no-ping']),
        ]
      : []),
    ...(options.ipv6 ? ['enable-ra', ...[LAN6.dhcp, LAN6.localDhcp].map((range) => range6(range, options))] : []),
  ];
}

/** With DHCP hosts may make themselves an address, ask for one, or both; without it, only the former. */
function range6(
  { first, last }: { first: string; last: string },
  { dhcp: { enabled, leaseTime } }: LabOptions,
): string {
  return enabled
    ? `dhcp-range=${first},${last},slaac,64,${leaseTime}`
    : `dhcp-range=${first.slice(0, first.indexOf('::'))}::,ra-only,64`;
}

/** One line of dnsmasq's lease file. */
export interface DhcpLeaseRecord {
  readonly ip: string;
  /** As the client gave it in chaddr. */
  readonly mac: string;
  /** Empty when the client gave none. */
  readonly hostname: string;
  /** Client identifier in hex with colons; empty when there was none. */
  readonly clientId: string;
  /** Unix time in seconds; 0 = never. */
  readonly expires: number;
}

/** The IPv4 leases that dnsmasq holds, from its lease file. */
export function readLeases(paths: LabPaths): DhcpLeaseRecord[] {
  let text: string;
  try {
    text = readFileSync(paths.leases, 'utf8');
  } catch {
    return [];
  }
  const none = (field: string): string => (field === '*' ? '' : field);
  return text.split('\n').flatMap((line) => {
    const [expires = '', mac = '', ip = '', hostname = '', clientId = ''] = line.split(' ');
    // DHCPv6 leases follow under a line `duid …`, with addresses of the other family.
    if (!/^\d+\.\d+\.\d+\.\d+$/.test(ip)) return [];
    return [{ ip, mac, hostname: none(hostname), clientId: none(clientId), expires: Number(expires) }];
  });
}

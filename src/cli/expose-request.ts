/** What `expose` was asked, from its arguments and flags. */
import { kindOf } from '../kube/kinds.ts';
import { familyOf, ip as ipOf, parseIp, type Ip } from '../model/ip.ts';
import type { Milliseconds } from '../model/time.ts';
import {
  checkMdnsLabel,
  checkServiceName,
  parsePort,
  parseTarget,
  parseTargetPort,
  readProtocol,
  usage,
  type AddressWish,
  type ExposeRequest,
  type PortWish,
} from '../workflows/expose/request.ts';

export interface ExposeFlags {
  readonly port?: readonly string[] | undefined;
  readonly 'target-port'?: string | undefined;
  readonly protocol: string;
  readonly name?: string | undefined;
  readonly dhcp: boolean;
  readonly ip?: readonly string[] | undefined;
  readonly pool?: string | undefined;
  readonly family?: string | undefined;
  readonly conflict?: string | undefined;
  readonly router?: string | undefined;
  readonly mdns?: string | undefined;
  readonly timeout: Milliseconds;
  readonly keep: boolean;
}

/** @throws KubevipError (exit 2) for whatever is wrong in itself, whatever the cluster holds. */
export function readExposeRequest(
  args: { readonly target: string; readonly name?: string | undefined },
  flags: ExposeFlags,
): Omit<ExposeRequest, 'namespace'> {
  const target = parseTarget(args.name === undefined ? [args.target] : [args.target, args.name], kindOf);
  if (target.kind === 'Service' && flags.name !== undefined) {
    throw usage(
      'INVALID_NAME',
      'a Service that is there keeps its name',
      `Leave --name out, or expose the workload behind it.`,
    );
  }
  const address = readAddress(flags);
  return {
    target,
    ports: readPorts(flags),
    ...(flags.name === undefined ? {} : { name: checkServiceName(flags.name) }),
    ...(address === undefined ? {} : { address }),
    ...(flags.family === undefined ? {} : { family: choice('family', flags.family, ['ipv4', 'ipv6', 'dual']) }),
    ...(flags.conflict === undefined ? {} : { conflict: choice('conflict', flags.conflict, ['defend', 'yield']) }),
    ...(flags.router === undefined ? {} : { router: checkRouter(flags.router) }),
    ...(flags.mdns === undefined ? {} : { mdns: checkMdnsLabel(flags.mdns) }),
    timeout: flags.timeout,
    keep: flags.keep,
  };
}

function readPorts(flags: ExposeFlags): PortWish[] {
  const protocol = readProtocol(flags.protocol);
  const ports = (flags.port ?? []).map((text) => parsePort(text, protocol));
  const targetText = flags['target-port'];
  if (targetText === undefined) return ports;
  const targetPort = parseTargetPort('--target-port', targetText);
  if (ports.length !== 1) {
    throw usage('INVALID_PORT', '--target-port goes with one --port', 'With several: --port 80:8080 --port 443:8443');
  }
  return ports.map((port) => ({ ...port, targetPort }));
}

/** Asks for an address by DHCPv6. */
const BY_DHCPV6 = ipOf('::');

function readAddress({ dhcp, ip, pool, family }: ExposeFlags): AddressWish | undefined {
  const ips = (ip ?? []).flatMap((text) => text.split(',')).map(readIp);
  if (dhcp && ips.length === 0 && family?.toLowerCase() === 'ipv6') return { kind: 'ip', ips: [BY_DHCPV6] };
  // As in kube-vip's annotation, the unspecified address asks for one by DHCP; that of IPv6 may stand beside or alone.
  const given = ips.filter((address) => address !== '0.0.0.0');
  if (dhcp || given.length < ips.length) {
    const [v6, ...more] = given;
    if (v6 === undefined) return { kind: 'dhcp' };
    if (more.length > 0 || familyOf(v6) === 4) {
      throw usage(
        'INVALID_ADDRESS',
        '--dhcp gives the IPv4 address',
        'Only one IPv6 address can be given besides, or :: for one by DHCPv6.',
      );
    }
    return { kind: 'dhcp', v6 };
  }
  if (given.length > 0) return { kind: 'ip', ips: given };
  return pool === undefined ? undefined : { kind: 'pool', pool: pool.replace(/^(cidr|range)-/, '') };
}

function readIp(text: string): Ip {
  const address = parseIp(text.trim());
  if (address !== undefined) return address;
  throw usage(
    'INVALID_ADDRESS',
    `--ip ${JSON.stringify(text)} is not an IP address`,
    'For example 192.168.1.40, or both families: --ip 192.168.1.40,fd00::40; --dhcp asks the LAN’s DHCP server for one, --ip :: its DHCPv6 server.',
  );
}

function choice<T extends string>(flag: string, text: string, options: readonly T[]): T {
  const chosen = options.find((option) => option === text.toLowerCase());
  if (chosen !== undefined) return chosen;
  throw usage('INVALID_CHOICE', `--${flag} ${JSON.stringify(text)} is not known`, `One of: ${options.join(', ')}`);
}

function checkRouter(text: string): string {
  for (const item of text.split(',')) {
    const port = /^(?:[^=]+=)?(\d+)$/.exec(item)?.[1];
    if (['true', 'off', 'pinhole'].includes(text)) continue;
    if (port === undefined || Number(port) < 1 || Number(port) > 65535) {
      throw usage(
        'INVALID_PORT',
        `--router ${JSON.stringify(item)} is not a port`,
        'Ports go from 1 to 65535: --router, --router 8080, --router 80=8080,443=8443, --router pinhole, --router=off',
      );
    }
  }
  return text;
}

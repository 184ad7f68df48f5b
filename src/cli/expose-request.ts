/** What `expose` was asked, from its arguments and flags. */
import { kindOf } from '../kube/kinds.ts';
import { parseIp } from '../model/ip.ts';
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
  readonly ip?: string | undefined;
  readonly pool?: string | undefined;
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

function readAddress({ dhcp, ip, pool }: ExposeFlags): AddressWish | undefined {
  if (dhcp) return { kind: 'dhcp' };
  if (ip !== undefined) {
    const address = parseIp(ip);
    if (address === undefined) {
      throw usage(
        'INVALID_ADDRESS',
        `--ip ${JSON.stringify(ip)} is not an IP address`,
        'For example 192.168.1.40; --dhcp asks the LAN’s DHCP server for one.',
      );
    }
    return address === '0.0.0.0' ? { kind: 'dhcp' } : { kind: 'ip', ip: address };
  }
  return pool === undefined ? undefined : { kind: 'pool', pool: pool.replace(/^(cidr|range)-/, '') };
}

function checkRouter(text: string): string {
  for (const item of text.split(',')) {
    const port = /^(?:[^=]+=)?(\d+)$/.exec(item)?.[1];
    if (text === 'true' || text === 'off') continue;
    if (port === undefined || Number(port) < 1 || Number(port) > 65535) {
      throw usage(
        'INVALID_PORT',
        `--router ${JSON.stringify(item)} is not a port`,
        'Ports go from 1 to 65535: --router, --router 8080, --router 80=8080,443=8443, --router=off',
      );
    }
  }
  return text;
}

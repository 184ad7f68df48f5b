/** What somebody asks to be exposed, before anything is known of the cluster. */
import type { Ip } from '../../model/ip.ts';
import type { FamilyWish } from './families.ts';
import { isDnsLabel } from '../../model/dns-label.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Protocol } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';

export const TARGET_KINDS = ['Deployment', 'StatefulSet', 'ReplicaSet', 'Pod', 'Service'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export interface Target {
  readonly kind: TargetKind;
  readonly name: string;
}

export interface PortWish {
  readonly name?: string;
  readonly port: number;
  /** Port of the pods, by number or name; the same as `port` when absent. */
  readonly targetPort?: number | string;
  readonly protocol: Protocol;
}

export type AddressWish =
  /** `v6`: the IPv6 address wanted besides the leased one. */
  | { readonly kind: 'dhcp'; readonly v6?: Ip }
  | { readonly kind: 'ip'; readonly ips: readonly Ip[] }
  | { readonly kind: 'pool'; readonly pool?: string };

export interface ExposeRequest {
  readonly namespace: string;
  readonly target: Target;
  /** Empty only for a Service, which has ports of its own. */
  readonly ports: readonly PortWish[];
  /** Name of the Service; that of the target when absent. */
  readonly name?: string;
  /** Absent: a pool, or what the Service asks for already. */
  readonly address?: AddressWish;
  /** Absent: the cluster's default, or what the Service has. */
  readonly family?: FamilyWish;
  /** What to do when another machine claims the address. */
  readonly conflict?: 'defend' | 'yield';
  /** Value of the annotation: `true`, `8080`, `http=8080,443=8443`. */
  readonly router?: string;
  /** Value of the annotation: `true` or a label. */
  readonly mdns?: string;
  readonly timeout: Milliseconds;
  /** Keep a new Service whose address stage failed. */
  readonly keep: boolean;
}

/**
 * Targets as kubectl takes them: `deployment/web`, `deploy web`.
 * @param kindOf reads a kind as people type it.
 * @throws KubevipError UNKNOWN_KIND, INVALID_TARGET, INVALID_NAME (exit 2)
 */
export function parseTarget(words: readonly string[], kindOf: (text: string) => string | undefined): Target {
  const parts = words.length === 1 ? (words[0] ?? '').split('/') : words;
  const [kindText = '', name = ''] = parts;
  if (parts.length !== 2 || kindText === '' || name === '') {
    throw usage('INVALID_TARGET', `${JSON.stringify(words.join(' '))} is not KIND/NAME`, 'For example: deployment/web');
  }
  const kind = TARGET_KINDS.find((one) => one === kindOf(kindText));
  if (kind === undefined && kindText.includes('/')) {
    throw usage(
      'INVALID_TARGET',
      `${JSON.stringify(name)} after ${kindText} is one word too many`,
      'As the value of a flag it is written with =: --mdns=NAME, --router=PORT.',
    );
  }
  if (kind === undefined) {
    const kinds = TARGET_KINDS.map((one) => one.toLowerCase()).join(', ');
    throw usage('UNKNOWN_KIND', `there is no kind ${JSON.stringify(kindText)} that can be exposed`, `One of: ${kinds}`);
  }
  // Pods and ReplicaSets may have dots in their names; none of them may have anything else than a label has.
  if (!name.split('.').every(isDnsLabel)) {
    throw usage('INVALID_NAME', `${JSON.stringify(name)} is not a name that a ${kind} can have`, LABEL_HINT);
  }
  return { kind, name };
}

const LABEL_HINT = 'Lower-case letters, digits and dashes, at most 63, beginning and ending with a letter or digit.';

/** RFC 1035 label: names of Services begin with a letter. @throws KubevipError INVALID_NAME (exit 2) */
export function checkServiceName(name: string): string {
  if (!isDnsLabel(name) || !/^[a-z]/.test(name)) {
    throw usage(
      'INVALID_NAME',
      `${JSON.stringify(name)} is not a name that a Service can have`,
      'Lower-case letters, digits and dashes, at most 63, beginning with a letter; --name gives another one.',
    );
  }
  return name;
}

/** `web` or `true` (the Service's name). @throws KubevipError INVALID_NAME (exit 2) */
export function checkMdnsLabel(text: string): string {
  const label = text
    .toLowerCase()
    .replace(/\.?$/, '')
    .replace(/\.local$/, '');
  if (!isDnsLabel(label)) {
    throw usage('INVALID_NAME', `--mdns ${JSON.stringify(text)} is not a name for the LAN`, LABEL_HINT);
  }
  return label;
}

/**
 * `80`, `80:8080`, `80:http`, `http=80:8080`, each with `/udp` if need be.
 * @param fallback protocol for those that name none.
 * @throws KubevipError INVALID_PORT (exit 2)
 */
export function parsePort(text: string, fallback: Protocol = 'TCP'): PortWish {
  const match = /^(?:([^=:/]+)=)?(\d+)(?::([^=:/]+))?(?:\/([A-Za-z]+))?$/.exec(text.trim());
  if (!match) throw usage('INVALID_PORT', `--port ${JSON.stringify(text)} is not a port`, PORT_HINT);
  const [, name, port, target, protocolText] = match;
  const protocol = protocolText === undefined ? fallback : readProtocol(protocolText);
  if (name !== undefined && (!isDnsLabel(name) || name.length > 15)) {
    throw usage(
      'INVALID_PORT',
      `--port ${JSON.stringify(text)}: ${JSON.stringify(name)} is not a name for a port`,
      PORT_NAME_HINT,
    );
  }
  return {
    ...(name === undefined ? {} : { name }),
    port: readPortNumber('--port', port ?? ''),
    ...(target === undefined ? {} : { targetPort: parseTargetPort('--port', target) }),
    protocol,
  };
}

const PORT_HINT = 'Write 80, 80:8080, http=80:8080 or 53/udp; several with several --port.';
const PORT_NAME_HINT = 'Lower-case letters, digits and dashes, at most 15.';

/** A number in range, or a name of a container port. @throws KubevipError INVALID_PORT (exit 2) */
export function parseTargetPort(flag: string, text: string): number | string {
  if (/^\d+$/.test(text)) return readPortNumber(flag, text);
  if (!isDnsLabel(text) || text.length > 15)
    throw usage(
      'INVALID_PORT',
      `${flag}: ${JSON.stringify(text)} is neither a port nor the name of one`,
      PORT_NAME_HINT,
    );
  return text;
}

function readPortNumber(flag: string, text: string): number {
  const port = Number(text);
  if (port < 1 || port > 65535)
    throw usage('INVALID_PORT', `${flag} ${text} is out of range`, 'Ports go from 1 to 65535.');
  return port;
}

/** @throws KubevipError INVALID_PROTOCOL (exit 2) */
export function readProtocol(text: string): Protocol {
  const protocol = text.toUpperCase();
  if (protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP') return protocol;
  throw usage('INVALID_PROTOCOL', `${JSON.stringify(text)} is not a protocol`, 'tcp, udp or sctp');
}

export function usage(code: string, message: string, ...hints: string[]): KubevipError {
  return new KubevipError(message, { code, exit: EXIT.usage, hints });
}

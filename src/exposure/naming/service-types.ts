/** Which DNS-SD service type (RFC 6763 §7) a port of a Service is advertised as. */
import type { Protocol } from '../../model/kubernetes.ts';

export interface PortFacts {
  /** Empty for a single unnamed port. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly appProtocol?: string;
}

/** Names people give to ports and protocols → service name as browsers of the LAN look for it. */
const BY_NAME: Readonly<Record<string, string>> = {
  http: 'http',
  web: 'http',
  www: 'http',
  ws: 'http',
  h2c: 'http',
  http2: 'http',
  https: 'https',
  websecure: 'https',
  wss: 'https',
  tls: 'https',
  dns: 'domain',
  domain: 'domain',
  ssh: 'ssh',
  sftp: 'sftp-ssh',
  ftp: 'ftp',
  smb: 'smb',
  samba: 'smb',
  cifs: 'smb',
  nfs: 'nfs',
  afp: 'afpovertcp',
  webdav: 'webdav',
  ipp: 'ipp',
  ipps: 'ipps',
  lpd: 'printer',
  mqtt: 'mqtt',
  mqtts: 'secure-mqtt',
  rtsp: 'rtsp',
  vnc: 'rfb',
  rdp: 'rdp',
  ntp: 'ntp',
  syslog: 'syslog',
  ldap: 'ldap',
  postgres: 'postgresql',
  redis: 'redis',
  grpc: 'grpc',
};

/** For ports without a name: numbers that leave little doubt (IANA registry and common practice). */
const BY_NUMBER: Readonly<Record<number, string>> = {
  21: 'ftp',
  22: 'ssh',
  53: 'domain',
  80: 'http',
  123: 'ntp',
  389: 'ldap',
  443: 'https',
  445: 'smb',
  515: 'printer',
  548: 'afpovertcp',
  554: 'rtsp',
  631: 'ipp',
  1883: 'mqtt',
  2049: 'nfs',
  3389: 'rdp',
  5432: 'postgresql',
  5900: 'rfb',
  6379: 'redis',
  8080: 'http',
  8443: 'https',
  8883: 'secure-mqtt',
};

/**
 * `_http._tcp` and the like, from `appProtocol`, else the name of the port, else (unnamed) its number.
 * Undefined when nothing says what the port speaks: it is then not advertised, only reachable.
 */
export function serviceTypeOf(port: PortFacts): string | undefined {
  const service = fromAppProtocol(port.appProtocol) ?? (port.name === '' ? BY_NUMBER[port.port] : fromName(port.name));
  // RFC 6763 §7: every transport other than TCP goes under _udp.
  return service === undefined ? undefined : `_${service}._${port.protocol === 'TCP' ? 'tcp' : 'udp'}`;
}

/** Kubernetes' own are `kubernetes.io/h2c`, `/ws`, `/wss`; prefixes of others name no protocol we could know. */
function fromAppProtocol(appProtocol: string | undefined): string | undefined {
  if (appProtocol === undefined) return undefined;
  const plain = appProtocol.toLowerCase().replace(/^kubernetes\.io\//, '');
  return Object.hasOwn(BY_NAME, plain) ? BY_NAME[plain] : isServiceName(plain) ? plain : undefined;
}

/** `http`, and by the convention `protocol-suffix` also `http-admin`; any other valid service name stands for itself. */
function fromName(name: string): string | undefined {
  const lower = name.toLowerCase();
  const [protocol = ''] = lower.split('-');
  if (Object.hasOwn(BY_NAME, lower)) return BY_NAME[lower];
  if (Object.hasOwn(BY_NAME, protocol)) return BY_NAME[protocol];
  return isServiceName(lower) ? lower : undefined;
}

/** RFC 6335 §5.1: 1 to 15 letters, digits and single inner hyphens, at least one letter. */
export function isServiceName(text: string): boolean {
  return text.length <= 15 && /[a-z]/.test(text) && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text);
}

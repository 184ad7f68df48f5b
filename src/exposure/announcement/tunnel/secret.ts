/**
 * Tunnels as kube-vip has them in key `tunnels` of Secret `wireguard`: YAML, by name,
 *
 *     office:
 *       vip: 10.0.0.100/24
 *       privateKey: …
 *       peerPublicKey: …
 *       peerEndpoint: vpn.example.com:51820
 *       allowedIPs: [0.0.0.0/0]
 *       listenPort: 51820
 *
 * and besides `presharedKey`, `persistentKeepalive` and `mtu`. A tunnel that is wrong spoils itself only. What is wrong is
 * told by tunnel and field; of a value only where it is no secret.
 */
import { parseDocument } from 'yaml';
import { cidr, parseCidr, type Cidr } from '../../../model/cidr.ts';
import { isDnsName } from '../../../model/dns-label.ts';
import { familyOf, parseIp, type Ip } from '../../../model/ip.ts';
import { Sealed } from '../../../model/sealed.ts';
import { suggest } from '../../../model/suggest.ts';
import { hostPrefix } from '../link-choice.ts';
import { isKey, publicKeyOf } from './key.ts';
import type { Tunnel } from './port.ts';

export interface TunnelProblem {
  /** Nothing of the text can be read. */
  readonly whole?: true;
  /** Its address, where that can be read. */
  readonly ip?: Ip;
  /** For people: `tunnel office: privateKey is no key of WireGuard …`. */
  readonly message: string;
  /** The tunnel is made all the same. */
  readonly harmless?: true;
}

export interface TunnelList {
  readonly tunnels: readonly Tunnel[];
  readonly problems: readonly TunnelProblem[];
}

/** kube-vip's, which the way through a NAT needs as well. */
export const DEFAULT_KEEPALIVE = 5;
/** What fits into a packet of 1500 bytes over IPv6. */
export const DEFAULT_MTU = 1420;
const LEAST_MTU = { 4: 576, 6: 1280 } as const;
const FIELDS = [
  'vip',
  'privateKey',
  'peerPublicKey',
  'presharedKey',
  'peerEndpoint',
  'allowedIPs',
  'listenPort',
  'persistentKeepalive',
  'mtu',
] as const;
type Field = (typeof FIELDS)[number];
type Fields = Readonly<Record<string, unknown>>;

/** Those of WireGuard's own tools; the rest are names of everything, or of what each node has. */
const NAME = /^[A-Za-z0-9_=+.-]{1,15}$/;
const NO_NAMES = new Set(['.', '..', 'all', 'default', 'lo']);

class Wrong extends Error {}

/** Total: whatever the text is. */
export function readTunnels(text: string): TunnelList {
  const root = parse(text);
  if (typeof root === 'string') return { tunnels: [], problems: [{ whole: true, message: root }] };
  const tunnels: Tunnel[] = [];
  const problems: TunnelProblem[] = [];
  for (const [name, fields] of Object.entries(root)) {
    const ip = isMap(fields) ? addressOf(fields['vip']) : undefined;
    try {
      const tunnel = readTunnel(name, fields);
      refuseTwin(tunnel, tunnels);
      tunnels.push(tunnel);
      for (const stranger of strangers(fields as Fields))
        problems.push({ harmless: true, message: `tunnel ${name}: ${stranger}` });
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      const where = `tunnel ${NAME.test(name) ? name : shown(name)}`;
      problems.push({ ...(ip === undefined ? {} : { ip }), message: `${where}: ${error.message}` });
    }
  }
  return { tunnels, problems };
}

/** Or why it cannot be read. Words of the parser are not used: they may quote a key. */
function parse(text: string): Fields | string {
  const document = parseDocument(text);
  const [first] = document.errors;
  if (first) return `it is no YAML: ${first.code} in line ${first.linePos?.[0].line ?? '?'}`;
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 10 });
  } catch {
    return 'it is no YAML that can be followed: too many aliases';
  }
  if (!isMap(root) || Object.keys(root).length === 0) return 'it is no map of tunnels by name, or an empty one';
  return root;
}

function readTunnel(name: string, fields: unknown): Tunnel {
  if (!NAME.test(name) || NO_NAMES.has(name))
    throw new Wrong('its name is no name of an interface: 1 to 15 of letters, digits and _ = + . -');
  if (!isMap(fields)) throw new Wrong(`it is no map of ${FIELDS.slice(0, 3).join(', ')} and so on`);
  const ip = addressOf(fields['vip']);
  if (ip === undefined)
    throw new Wrong(`vip ${shown(fields['vip'])} is no address as 10.0.0.100, nor one with a prefix as 10.0.0.100/24`);
  const privateKey = key(fields, 'privateKey');
  const publicKey = publicKeyOf(privateKey);
  const peerPublicKey = key(fields, 'peerPublicKey');
  if (peerPublicKey === publicKey)
    throw new Wrong('peerPublicKey is the public key of this tunnel’s own privateKey: give the far end’s');
  return {
    name,
    ip,
    privateKey: new Sealed(privateKey),
    publicKey,
    peerPublicKey,
    ...(isThere(fields['presharedKey']) ? { presharedKey: new Sealed(key(fields, 'presharedKey')) } : {}),
    endpoint: endpointOf(fields['peerEndpoint']),
    allowedIps: networksOf(fields['allowedIPs']),
    listenPort: number(fields, 'listenPort', 1, 65_535),
    keepalive: number(fields, 'persistentKeepalive', 0, 65_535, DEFAULT_KEEPALIVE),
    mtu: number(fields, 'mtu', LEAST_MTU[familyOf(ip)], 65_535, DEFAULT_MTU),
  };
}

/** Two that could not be told apart on one node, or by the far end. */
function refuseTwin(tunnel: Tunnel, others: readonly Tunnel[]): void {
  for (const other of others) {
    if (other.ip === tunnel.ip) throw new Wrong(`vip ${tunnel.ip} is that of tunnel ${other.name}, too: one each`);
    if (other.listenPort === tunnel.listenPort)
      throw new Wrong(`listenPort ${tunnel.listenPort} is that of tunnel ${other.name}, too: give one of its own`);
    if (other.peerPublicKey === tunnel.peerPublicKey && other.privateKey.equals(tunnel.privateKey))
      throw new Wrong(
        `privateKey and peerPublicKey are those of tunnel ${other.name}, too: the far end takes both for one; give each a privateKey`,
      );
  }
}

function strangers(fields: Fields): string[] {
  const known: readonly string[] = FIELDS;
  return Object.keys(fields)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = name.length > 40 ? undefined : suggest(name, FIELDS);
      return `${shown(name)} is no field of a tunnel${meant === undefined ? '' : ` (${meant}?)`}`;
    });
}

function addressOf(value: unknown): Ip | undefined {
  if (typeof value !== 'string') return undefined;
  return parseIp(value.trim()) ?? parseCidr(value)?.address;
}

function key(fields: Fields, field: Field): string {
  const value = fields[field];
  if (!isThere(value)) throw new Wrong(`${field} is missing`);
  const text = typeof value === 'string' ? value.trim() : '';
  if (isKey(text)) return text;
  throw new Wrong(`${field} is no key of WireGuard: 44 characters as \`wg genkey\` and \`wg pubkey\` print them`);
}

function endpointOf(value: unknown): Tunnel['endpoint'] {
  if (!isThere(value)) throw new Wrong('peerEndpoint is missing');
  const match = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value.trim()) : null;
  const host = match?.[1] ?? match?.[2] ?? '';
  const address = parseIp(host);
  const port = Number(match?.[3]);
  const isHost = address !== undefined || (match?.[2] !== undefined && isDnsName(host));
  if (!isHost || port < 1 || port > 65_535)
    throw new Wrong(`peerEndpoint ${shown(value)} is not HOST:PORT, as vpn.example.com:51820 or [2001:db8::1]:51820`);
  return { host: address ?? host, port };
}

function networksOf(value: unknown): Cidr[] {
  if (!isThere(value) || (Array.isArray(value) && value.length === 0))
    throw new Wrong('allowedIPs is missing: nobody’s packets would be let through; 0.0.0.0/0 is everybody’s by IPv4');
  if (!Array.isArray(value)) throw new Wrong('allowedIPs is no list of networks');
  return value.map((one: unknown) => {
    const text = typeof one === 'string' ? one.trim() : '';
    const address = parseIp(text);
    const network = address === undefined ? parseCidr(text) : cidr(address, hostPrefix(address));
    if (network === undefined) throw new Wrong(`allowedIPs: ${shown(one)} is no network as 10.0.0.0/24`);
    return network;
  });
}

function number(fields: Fields, field: Field, least: number, most: number, fallback?: number): number {
  const value = fields[field];
  if (!isThere(value)) {
    if (fallback !== undefined) return fallback;
    throw new Wrong(`${field} is missing`);
  }
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  const parsed = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (parsed >= least && parsed <= most) return parsed;
  throw new Wrong(`${field} ${shown(value)} is no whole number from ${least} to ${most}`);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** Values of fields that hold no secret; what could be a key in the wrong place is not shown all the same. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return '(none)';
  if (typeof value !== 'string' && typeof value !== 'number')
    return `(${Array.isArray(value) ? 'a list' : typeof value})`;
  const text = String(value);
  return text.length > 60 || /[A-Za-z0-9+/]{40}/.test(text) ? '(not shown)' : JSON.stringify(text);
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

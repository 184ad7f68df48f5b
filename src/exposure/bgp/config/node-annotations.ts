/**
 * Peers as annotations of the own Node have them, under the prefix that kube-vip's `annotation` says. The older form has
 * one AS for all peers; the newer one numbers them (`PREFIX/bgp-peers-0-peer-ip`). Both are read; the newer one goes
 * first.
 */
import { address, asNumber, BadValue, bool, password, portNumber } from './values.ts';
import { MULTIHOP_TTL, type BgpProblem, type PeerWish, type Wishes } from './wish.ts';

const NAMES = ['node-asn', 'src-ip', 'peer-asn', 'peer-ip', 'peer-port', 'bgp-pass', 'peer-multi-hop'] as const;
type Name = (typeof NAMES)[number];
type Values = Partial<Record<Name, string>>;

/** @param prefix without a slash: `metal.equinix.com`. */
export function readNodeAnnotations(
  node: string,
  annotations: Readonly<Record<string, string>>,
  prefix: string,
): Wishes {
  const peers: PeerWish[] = [];
  const problems: BgpProblem[] = [];
  const groups = new Map<string, Values>();
  for (const [key, value] of Object.entries(annotations)) {
    if (!key.startsWith(`${prefix}/`)) continue;
    const match = /^(bgp-peers-\d+-)?(.*)$/.exec(key.slice(prefix.length + 1));
    const [, numbered = '', name = ''] = match ?? [];
    if (NAMES.some((known) => known === name)) {
      groups.set(numbered, { ...groups.get(numbered), [name]: value.trim() });
    } else if (numbered !== '') {
      const message = `it is not one that kubevip knows: there are ${NAMES.join(', ')}`;
      problems.push({ source: `Node ${node}, annotation ${key}`, message });
    }
  }
  const numbered = [...groups.keys()].filter((group) => group !== '').sort(byNumber);
  for (const group of numbered.length > 0 ? numbered : [...groups.keys()]) {
    const source = `Node ${node}, annotations ${prefix}/${group}…`;
    try {
      peers.push(...peersOf(groups.get(group) ?? {}, `${prefix}/${group}`, source));
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      problems.push({ source, message: error.message });
    }
  }
  return { peers, problems };
}

function byNumber(a: string, b: string): number {
  return Number.parseInt(a.slice('bgp-peers-'.length)) - Number.parseInt(b.slice('bgp-peers-'.length));
}

function peersOf(values: Values, key: string, source: string): PeerWish[] {
  const need = (name: Name): string => {
    const value = values[name] ?? '';
    if (value === '') throw new BadValue(`annotation ${key}${name} is missing`);
    return value;
  };
  const localAs = asNumber(`${key}node-asn`, need('node-asn'));
  const as = asNumber(`${key}peer-asn`, need('peer-asn'));
  const source4 = address(`${key}src-ip`, need('src-ip'));
  const secret = secretOf(values['bgp-pass'] ?? '', key);
  const multihop = values['peer-multi-hop'] ?? '';
  const port = values['peer-port'] ?? '';
  const addresses = need('peer-ip')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  return addresses.map((text) => ({
    source,
    at: { ip: address(`${key}peer-ip`, text) },
    as,
    localAs,
    sourceIp: source4,
    // As kube-vip: the address that peers see is the router ID too, where it is an IPv4 address.
    ...(source4.includes(':') ? {} : { identifier: source4 }),
    ...(secret === '' ? {} : { password: secret }),
    ...(multihop !== '' && bool(`${key}peer-multi-hop`, multihop) ? { multihop: MULTIHOP_TTL } : {}),
    ...(port === '' ? {} : { port: portNumber(port) }),
  }));
}

function secretOf(text: string, key: string): string {
  if (text === '') return '';
  const decoded = /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? atob(text) : undefined;
  if (decoded === undefined) throw new BadValue(`annotation ${key}bgp-pass is not base64`);
  return password(new TextDecoder().decode(Uint8Array.from(decoded, (char) => char.charCodeAt(0))));
}

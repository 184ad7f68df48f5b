/** Text of SSDP messages: an HTTP/1.1 head in a datagram (UPnP Device Architecture 2.0 §1.2, §1.3). */
import { DecodeError } from '../../model/errors.ts';
import { SSDP_MAX_BYTES, type SsdpAnswer, type SsdpMessage, type SsdpNotify, type SsdpSearch } from './message.ts';

/** @param host where it is sent, with the port: `239.255.255.250:1900`. */
export function encodeSsdpSearch(search: SsdpSearch, host: string): Uint8Array {
  return encode([
    'M-SEARCH * HTTP/1.1',
    `HOST: ${host}`,
    'MAN: "ssdp:discover"',
    `MX: ${search.maxWait}`,
    `ST: ${clean(search.target)}`,
  ]);
}

export function encodeSsdpAnswer(answer: SsdpAnswer): Uint8Array {
  return encode(['HTTP/1.1 200 OK', 'EXT:', `ST: ${clean(answer.target)}`, ...advert(answer)]);
}

export function encodeSsdpNotify(notify: SsdpNotify, host: string): Uint8Array {
  return encode([
    'NOTIFY * HTTP/1.1',
    `HOST: ${host}`,
    `NTS: ssdp:${notify.change}`,
    `NT: ${clean(notify.target)}`,
    ...advert(notify),
    ...(notify.nextBootId === undefined ? [] : [`NEXTBOOTID.UPNP.ORG: ${notify.nextBootId}`]),
  ]);
}

/** @throws DecodeError if it is no SSDP message, or one without the headers that make it useful. */
export function decodeSsdp(bytes: Uint8Array): SsdpMessage {
  if (bytes.length > SSDP_MAX_BYTES) throw new DecodeError(`SSDP has at most ${SSDP_MAX_BYTES} bytes`);
  const [start = '', ...lines] = new TextDecoder().decode(bytes).split(/\r?\n/);
  const headers = headersOf(lines);
  // Devices are sloppy with case and blanks, and with the version.
  const first = start.trim().toUpperCase();
  if (/^HTTP\/1\.[01] 200\b/.test(first)) {
    return { kind: 'answer', target: need(headers, 'ST'), ...advertOf(headers) };
  }
  if (/^M-SEARCH \* HTTP\/1\.[01]$/.test(first)) {
    return { kind: 'search', target: need(headers, 'ST'), maxWait: integer(headers.get('MX')) ?? 0 };
  }
  if (/^NOTIFY \* HTTP\/1\.[01]$/.test(first)) {
    const change = /^ssdp:(alive|byebye|update)$/i.exec(need(headers, 'NTS'))?.[1]?.toLowerCase();
    if (change !== 'alive' && change !== 'byebye' && change !== 'update') throw new DecodeError('unknown NTS in SSDP');
    const nextBootId = integer(headers.get('NEXTBOOTID.UPNP.ORG'));
    return {
      kind: 'notify',
      change,
      target: need(headers, 'NT'),
      ...advertOf(headers),
      ...(nextBootId === undefined ? {} : { nextBootId }),
    };
  }
  throw new DecodeError('not an SSDP message');
}

function encode(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n`);
}

function advert(message: Omit<SsdpAnswer, 'kind' | 'target'>): string[] {
  return [
    `USN: ${clean(message.usn)}`,
    ...(message.location === undefined ? [] : [`LOCATION: ${clean(message.location)}`]),
    ...(message.server === undefined ? [] : [`SERVER: ${clean(message.server)}`]),
    ...(message.maxAge === undefined ? [] : [`CACHE-CONTROL: max-age=${message.maxAge}`]),
    ...(message.bootId === undefined ? [] : [`BOOTID.UPNP.ORG: ${message.bootId}`]),
  ];
}

function advertOf(headers: ReadonlyMap<string, string>): Omit<SsdpAnswer, 'kind' | 'target'> {
  const location = headers.get('LOCATION') ?? headers.get('AL');
  const server = headers.get('SERVER');
  const maxAge = integer(/max-age\s*=\s*"?(\d+)/i.exec(headers.get('CACHE-CONTROL') ?? '')?.[1]);
  const bootId = integer(headers.get('BOOTID.UPNP.ORG'));
  return {
    usn: headers.get('USN') ?? '',
    ...(location === undefined || location === '' ? {} : { location }),
    ...(server === undefined || server === '' ? {} : { server }),
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(bootId === undefined ? {} : { bootId }),
  };
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (line.trim() === '') break;
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toUpperCase();
    // The first one counts: a second LOCATION behind it is nobody's idea of good.
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}

function need(headers: ReadonlyMap<string, string>, name: string): string {
  const value = headers.get(name);
  if (value === undefined || value === '') throw new DecodeError(`SSDP message without ${name}`);
  return value;
}

/** Numbers of the protocol are at most 31 bits; anything else counts as absent. */
function integer(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 0x7fff_ffff ? value : undefined;
}

/** A header is one line. */
function clean(text: string): string {
  return text.replaceAll(/[\r\n]/g, '');
}

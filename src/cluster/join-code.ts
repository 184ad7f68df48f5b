/**
 * The one line that lets a machine into the cluster:
 *
 *     kubevip1.<base64url of: version, role, port, host, token, CA hash, [certificate key], expiry, CRC-32>
 *
 * Whoever has it can join, so it is as secret as the token in it. It is printed by `init` and `join-code create`, typed
 * or pasted once, and written nowhere.
 */
import { type Family, hostPort, ipFromBytes, ipToBytes, parseIp } from '../model/ip.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import { crc32 } from 'node:zlib';

export type JoinRole = 'control-plane' | 'worker';

export interface JoinCode {
  /** What it is for. One for a control plane lets a worker in too. */
  readonly role: JoinRole;
  /** `host:port`, with brackets for IPv6. */
  readonly endpoint: string;
  /** Bootstrap token: `id.secret`. */
  readonly token: string;
  /** SHA-256 of the CA's public key (SPKI, DER), 64 hexadecimal digits, as in kubeadm's `sha256:…`. */
  readonly caHash: string;
  /** 64 hexadecimal digits; only for a control plane. */
  readonly certificateKey?: string;
  /** IP families of the cluster, that of its Services first: a machine that joins has an address of each. */
  readonly families: readonly Family[];
  /** To the second. */
  readonly expires: Date;
}

export const JOIN_CODE_PREFIX = 'kubevip1.';

/** What is wrong with a text that is no join code. */
export type JoinCodeFault = 'not-a-code' | 'other-version' | 'truncated' | 'mistyped' | 'damaged';

const FORMAT = 1;
const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
const HASH = /^[0-9a-f]{64}$/;
const FAMILIES: readonly (readonly Family[])[] = [[4], [6], [4, 6], [6, 4]];
/** 22 digits of base 36 fit into this many bytes. */
const TOKEN_BYTES = 15;

/** @throws TypeError if a part does not have its form: they all come from this program. */
export function encodeJoinCode(code: JoinCode): string {
  const { host, port } = splitEndpoint(code.endpoint) ?? refuse('endpoint');
  if (!TOKEN.test(code.token)) refuse('token');
  if (!HASH.test(code.caHash)) refuse('CA hash');
  const key = code.certificateKey;
  if (key !== undefined && !HASH.test(key)) refuse('certificate key');
  if ((code.role === 'control-plane') !== (key !== undefined)) refuse('role');
  const seconds = Math.floor(code.expires.getTime() / 1000);
  if (!(seconds >= 0 && seconds < 2 ** 32)) refuse('expiry');
  const address = parseIp(host);
  const hostBytes = address === undefined ? Buffer.from(host, 'ascii') : Buffer.from(ipToBytes(address));
  if (hostBytes.length > 253) refuse('endpoint');
  const head = Buffer.alloc(5);
  head.writeUInt8(FORMAT, 0);
  const families = FAMILIES.findIndex((known) => known.join() === code.families.join());
  if (families < 0) refuse('set of families');
  head.writeUInt8((code.role === 'control-plane' ? 1 : 0) | (address === undefined ? 2 : 0) | (families << 2), 1);
  head.writeUInt16BE(port, 2);
  head.writeUInt8(hostBytes.length, 4);
  const expiry = Buffer.alloc(4);
  expiry.writeUInt32BE(seconds);
  const body = Buffer.concat([
    head,
    hostBytes,
    packToken(code.token),
    Buffer.from(code.caHash, 'hex'),
    ...(key === undefined ? [] : [Buffer.from(key, 'hex')]),
    expiry,
  ]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return JOIN_CODE_PREFIX + Buffer.concat([body, sum]).toString('base64url');
}

/** Total: a code, or what is wrong with it. Blanks and line breaks, as terminals put them into what is copied, are passed over. */
export function decodeJoinCode(input: string): JoinCode | { readonly fault: JoinCodeFault } {
  const text = input.replaceAll(/\s+/g, '');
  if (!text.startsWith(JOIN_CODE_PREFIX)) {
    if (/^kubevip\d+\./.test(text)) return { fault: 'other-version' };
    return { fault: text !== '' && JOIN_CODE_PREFIX.startsWith(text) ? 'truncated' : 'not-a-code' };
  }
  const letters = text.slice(JOIN_CODE_PREFIX.length);
  if (!/^[A-Za-z0-9_-]*$/.test(letters)) return { fault: 'mistyped' };
  const bytes = Buffer.from(letters, 'base64url');
  const format = bytes.at(0);
  if (format === undefined) return { fault: 'truncated' };
  const expected = lengthOf(bytes);
  if (format === FORMAT && (expected === undefined || bytes.length < expected)) return { fault: 'truncated' };
  const body = bytes.subarray(0, -4);
  // Several texts end in the same bytes; only one of them was printed.
  if (bytes.length < 4 || crc32(body) !== bytes.readUInt32BE(body.length) || bytes.toString('base64url') !== letters) {
    return { fault: 'mistyped' };
  }
  if (format !== FORMAT) return { fault: 'other-version' };
  return bytes.length === expected ? readBody(body) : { fault: 'damaged' };
}

/** Of the whole, as its head announces it. Undefined: not even the head is there. */
function lengthOf(bytes: Buffer): number | undefined {
  const [flags, hostLength] = [bytes.at(1), bytes.at(4)];
  if (flags === undefined || hostLength === undefined) return undefined;
  return 5 + hostLength + TOKEN_BYTES + 32 + (flags & 1 ? 32 : 0) + 4 + 4;
}

function readBody(body: Buffer): JoinCode | { readonly fault: JoinCodeFault } {
  const [flags, port, hostLength] = [body.readUInt8(1), body.readUInt16BE(2), body.readUInt8(4)];
  const hostBytes = body.subarray(5, 5 + hostLength);
  const host =
    flags & 2 ? hostBytes.toString('latin1') : hostLength === 4 || hostLength === 16 ? ipFromBytes(hostBytes) : '';
  let at = 5 + hostLength;
  const take = (length: number): Buffer => body.subarray(at, (at += length));
  const token = unpackToken(take(TOKEN_BYTES));
  const caHash = take(32).toString('hex');
  const certificateKey = flags & 1 ? take(32).toString('hex') : undefined;
  const expires = new Date(take(4).readUInt32BE() * 1000);
  const families = FAMILIES[flags >> 2];
  const endpoint = hostPort(host, port);
  if (token === undefined || families === undefined || splitEndpoint(endpoint) === undefined)
    return { fault: 'damaged' };
  return {
    role: flags & 1 ? 'control-plane' : 'worker',
    endpoint,
    token,
    caHash,
    families,
    ...(certificateKey === undefined ? {} : { certificateKey }),
    expires,
  };
}

const FAULTS: Readonly<Record<JoinCodeFault, string>> = {
  'not-a-code': `this is not a join code: one begins with ${JOIN_CODE_PREFIX}`,
  'other-version': 'this join code is of another version of kubevip',
  truncated: 'this join code is not whole: its end is missing',
  mistyped: 'this join code has a wrong letter somewhere',
  damaged: 'this join code contradicts itself',
};

/**
 * @param now the wall clock of this machine.
 * @throws KubevipError BAD_JOIN_CODE, JOIN_CODE_EXPIRED (exit 2). The code itself is in no message.
 */
export function readJoinCode(text: string, now: Date): JoinCode {
  const code = decodeJoinCode(text);
  if ('fault' in code) {
    throw new KubevipError(FAULTS[code.fault], {
      code: 'BAD_JOIN_CODE',
      exit: EXIT.usage,
      hints: [
        code.fault === 'other-version'
          ? 'Use the same version of kubevip on all machines.'
          : 'Copy it once more, in full. It is one line.',
        'A new one: `kubevip join-code create` on a control plane.',
      ],
    });
  }
  if (code.expires <= now) {
    throw new KubevipError(`this join code ran out at ${code.expires.toISOString()}`, {
      code: 'JOIN_CODE_EXPIRED',
      exit: EXIT.usage,
      hints: [
        'A new one: `kubevip join-code create` on a control plane.',
        `The clock of this machine says ${now.toISOString()}: is that right?`,
      ],
    });
  }
  return code;
}

/** `host:port` or `[v6]:port`. */
export function splitEndpoint(endpoint: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-zA-Z0-9.-]+)):(\d{1,5})$/.exec(endpoint);
  const [, v6, other, digits] = match ?? [];
  const port = Number(digits);
  const host = v6 === undefined ? other : parseIp(v6);
  return host === undefined || host === '' || port < 1 || port > 65535 || Number.isNaN(port)
    ? undefined
    : { host, port };
}

function packToken(token: string): Buffer {
  let n = 0n;
  for (const letter of token.replace('.', '')) n = n * 36n + BigInt(parseInt(letter, 36));
  const bytes = Buffer.alloc(TOKEN_BYTES);
  for (let i = TOKEN_BYTES - 1; i >= 0; i--) {
    bytes[i] = Number(n & 0xffn);
    n >>= 8n;
  }
  return bytes;
}

function unpackToken(bytes: Buffer): string | undefined {
  const text = BigInt(`0x${bytes.toString('hex')}`)
    .toString(36)
    .padStart(22, '0');
  return text.length === 22 ? `${text.slice(0, 6)}.${text.slice(6)}` : undefined;
}

function refuse(part: string): never {
  throw new TypeError(`a join code cannot hold this ${part}`);
}

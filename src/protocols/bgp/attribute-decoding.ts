/**
 * Path attributes from bytes. RFC 7606 is the law here: what is wrong with the description of routes costs the routes
 * (treat-as-withdraw) or the attribute, and only what makes it unclear which routes are meant costs the session.
 */
import { ipFromBytes, type Ip } from '../../model/ip.ts';
import { decodeAsPath, mergePaths, type AsPath } from './as-path.ts';
import { ORIGINS, type PathAttributes } from './attributes.ts';
import { Reader } from './bytes.ts';
import { unicastFamily } from './capabilities.ts';
import { ATTRIBUTE, ERROR, FLAG, UPDATE_ERROR } from './codes.ts';
import type { LargeCommunity } from './community.ts';
import { BgpDecodeError } from './error.ts';
import { readNlri, type Nlri } from './prefix.ts';

/** Routes of one family with their next hop; two addresses are a global and a link-local one. */
export interface Reach extends Nlri {
  readonly nextHops: readonly Ip[];
}

export interface Fault {
  readonly action: 'treat-as-withdraw' | 'attribute-discard';
  readonly message: string;
}

export interface DecodedAttributes {
  readonly attributes: PathAttributes;
  readonly nextHop?: Ip;
  readonly reach?: Reach;
  readonly unreach?: Nlri;
  /** Types of all attributes seen. */
  readonly types: ReadonlySet<number>;
  readonly faults: readonly Fault[];
}

type Draft = { -readonly [Key in keyof PathAttributes]: PathAttributes[Key] } & {
  nextHop?: Ip;
  as4Path?: AsPath;
  reach?: Reach;
  unreach?: Nlri;
};

interface Rule {
  /** Optional and transitive bits as they have to be. */
  readonly flags: number;
  /** Fills the draft in. @returns what is wrong with the value, if something is. */
  readonly read: (value: Uint8Array, draft: Draft, as4: boolean) => string | undefined;
  /** What a wrong value costs; default: the routes. */
  readonly action?: Fault['action'];
}

const WELL_KNOWN = FLAG.transitive;
const OPTIONAL = FLAG.optional;
const OPTIONAL_TRANSITIVE = FLAG.optional | FLAG.transitive;

const RULES: Readonly<Record<number, Rule>> = {
  [ATTRIBUTE.origin]: {
    flags: WELL_KNOWN,
    read: (value, draft) => {
      const origin = ORIGINS[value[0] ?? ORIGINS.length];
      if (value.length !== 1 || origin === undefined) return 'ORIGIN is none of the three';
      draft.origin = origin;
      return undefined;
    },
  },
  [ATTRIBUTE.asPath]: {
    flags: WELL_KNOWN,
    read: (value, draft, as4) => {
      const path = decodeAsPath(value, as4 ? 4 : 2);
      if (path === undefined) return 'AS_PATH is malformed';
      draft.asPath = path;
      return undefined;
    },
  },
  [ATTRIBUTE.nextHop]: {
    flags: WELL_KNOWN,
    read: (value, draft) => {
      if (value.length !== 4) return `NEXT_HOP of ${value.length} bytes`;
      draft.nextHop = ipFromBytes(value);
      return undefined;
    },
  },
  [ATTRIBUTE.med]: {
    flags: OPTIONAL,
    read: (value, draft) => {
      if (value.length !== 4) return `MULTI_EXIT_DISC of ${value.length} bytes`;
      draft.med = numbers(value)[0] ?? 0;
      return undefined;
    },
  },
  [ATTRIBUTE.localPref]: {
    flags: WELL_KNOWN,
    read: (value, draft) => {
      if (value.length !== 4) return `LOCAL_PREF of ${value.length} bytes`;
      draft.localPref = numbers(value)[0] ?? 0;
      return undefined;
    },
  },
  [ATTRIBUTE.atomicAggregate]: {
    flags: WELL_KNOWN,
    action: 'attribute-discard',
    read: (value) => (value.length === 0 ? undefined : 'ATOMIC_AGGREGATE with a value'),
  },
  [ATTRIBUTE.aggregator]: {
    flags: OPTIONAL_TRANSITIVE,
    action: 'attribute-discard',
    read: (value, _draft, as4) => (value.length === (as4 ? 8 : 6) ? undefined : `AGGREGATOR of ${value.length} bytes`),
  },
  [ATTRIBUTE.communities]: {
    flags: OPTIONAL_TRANSITIVE,
    read: (value, draft) => {
      if (value.length === 0 || value.length % 4 !== 0) return `COMMUNITIES of ${value.length} bytes`;
      draft.communities = numbers(value);
      return undefined;
    },
  },
  [ATTRIBUTE.mpReach]: { flags: OPTIONAL, read: readReach },
  [ATTRIBUTE.mpUnreach]: { flags: OPTIONAL, read: readUnreach },
  [ATTRIBUTE.as4Path]: {
    flags: OPTIONAL_TRANSITIVE,
    action: 'attribute-discard',
    read: (value, draft) => {
      const path = decodeAsPath(value, 4)?.filter(({ type }) => type === 'set' || type === 'sequence');
      if (path === undefined || path.length === 0) return 'AS4_PATH is malformed';
      draft.as4Path = path;
      return undefined;
    },
  },
  [ATTRIBUTE.as4Aggregator]: {
    flags: OPTIONAL_TRANSITIVE,
    action: 'attribute-discard',
    read: (value) => (value.length === 8 ? undefined : `AS4_AGGREGATOR of ${value.length} bytes`),
  },
  [ATTRIBUTE.largeCommunities]: {
    flags: OPTIONAL_TRANSITIVE,
    read: (value, draft) => {
      if (value.length === 0 || value.length % 12 !== 0) return `LARGE_COMMUNITY of ${value.length} bytes`;
      const all = numbers(value);
      draft.largeCommunities = Array.from(
        { length: value.length / 12 },
        (_, i) => all.slice(3 * i, 3 * i + 3) as unknown as LargeCommunity,
      );
      return undefined;
    },
  },
};

/** @throws BgpDecodeError where RFC 7606 wants the session to be reset. */
export function decodeAttributes(bytes: Uint8Array, as4: boolean): DecodedAttributes {
  const draft: Draft = {};
  const faults: Fault[] = [];
  const types = new Set<number>();
  const fault = (action: Fault['action'], message: string): void => {
    faults.push({ action, message });
  };
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    const flags = bytes[at] ?? 0;
    const type = bytes[at + 1] ?? 0;
    const extended = (flags & FLAG.extended) !== 0;
    at += extended ? 4 : 3;
    const length = extended ? (bytes[start + 2] ?? 0) * 256 + (bytes[start + 3] ?? 0) : (bytes[start + 2] ?? 0);
    if (at + length > bytes.length) {
      fault('treat-as-withdraw', `attribute ${type} reaches beyond the attributes`);
      break;
    }
    const value = bytes.subarray(at, at + length);
    at += length;
    if (types.has(type)) {
      if (type === ATTRIBUTE.mpReach || type === ATTRIBUTE.mpUnreach) {
        throw reset(UPDATE_ERROR.malformedAttributeList, `attribute ${type} appears twice`);
      }
      fault('attribute-discard', `attribute ${type} appears twice`);
      continue;
    }
    types.add(type);
    const rule = RULES[type];
    if (rule === undefined) {
      if ((flags & FLAG.optional) !== 0) continue;
      throw reset(UPDATE_ERROR.unrecognizedWellKnown, `well-known attribute ${type}`, bytes.slice(start, at));
    }
    if ((flags & OPTIONAL_TRANSITIVE) !== rule.flags) {
      fault('treat-as-withdraw', `attribute ${type} with flags 0x${flags.toString(16).padStart(2, '0')}`);
    }
    const wrong = rule.read(value, draft, as4);
    if (wrong !== undefined) fault(rule.action ?? 'treat-as-withdraw', wrong);
  }
  const { nextHop, as4Path, reach, unreach, ...attributes } = draft;
  if (!as4 && attributes.asPath !== undefined) attributes.asPath = mergePaths(attributes.asPath, as4Path);
  return {
    attributes,
    ...(nextHop && { nextHop }),
    ...(reach && { reach }),
    ...(unreach && { unreach }),
    types,
    faults,
  };
}

/** Which routes are meant cannot be known if this is wrong, so it ends the session (RFC 7606 §3 i, §5.3, §7.11). */
function readReach(value: Uint8Array, draft: Draft): undefined {
  const reader = new Reader(value, () => reset(UPDATE_ERROR.optionalAttribute, 'MP_REACH_NLRI is cut off'));
  const family = unicastFamily(reader.u16(), reader.u8());
  const hops = reader.take(reader.u8());
  reader.u8();
  // A family that was not agreed on is not looked into (RFC 4760 §7).
  if (family === undefined) return;
  const nextHops = splitHops(hops, family);
  if (nextHops === undefined) throw reset(UPDATE_ERROR.optionalAttribute, `a next hop of ${hops.length} bytes`);
  draft.reach = { ...nlri(reader.rest(), family), nextHops };
}

function readUnreach(value: Uint8Array, draft: Draft): undefined {
  const reader = new Reader(value, () => reset(UPDATE_ERROR.optionalAttribute, 'MP_UNREACH_NLRI is cut off'));
  const family = unicastFamily(reader.u16(), reader.u8());
  if (family !== undefined) draft.unreach = nlri(reader.rest(), family);
}

function nlri(bytes: Uint8Array, family: 4 | 6): Nlri {
  const read = readNlri(bytes, family);
  if (typeof read === 'string') throw reset(UPDATE_ERROR.optionalAttribute, read);
  return read;
}

function splitHops(bytes: Uint8Array, family: 4 | 6): Ip[] | undefined {
  if (bytes.length === 4 && family === 4) return [ipFromBytes(bytes)];
  if (bytes.length === 16) return [ipFromBytes(bytes)];
  if (bytes.length === 32) return [ipFromBytes(bytes.subarray(0, 16)), ipFromBytes(bytes.subarray(16))];
  return undefined;
}

function numbers(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i));
}

function reset(subcode: number, message: string, data?: Uint8Array): BgpDecodeError {
  return new BgpDecodeError(ERROR.update, subcode, message, data);
}

/** How the BGP sessions of a node are, as its agent says it: annotation `kubevip.dev/bgp` on Lease `kubevip-bgp-NODE`. */
import { KEY } from './annotations.ts';
import { parseSpan, spanText, type Range } from './cidr.ts';
import type { Lease } from './kubernetes.ts';

export const BGP_LEASE_PREFIX = 'kubevip-bgp-';

export interface BgpPeerRecord {
  /** Its address, with the interface where that is needed. */
  readonly peer: string;
  readonly as: number;
  /** `Established`, `Active` … (RFC 4271 §8.2.2) */
  readonly state: string;
  /** ISO 8601 of the last change from or to Established. */
  readonly since: string;
  /** Routes it has been told. */
  readonly routes: number;
  /** `up`, `down` … ; absent: not watched. */
  readonly bfd?: string;
  /** Why there is no session. */
  readonly problem?: string;
}

export interface BgpRecord {
  readonly peers: readonly BgpPeerRecord[];
  /** What is wrong with what was asked for, one sentence each. */
  readonly problems: readonly string[];
  /** Addresses that routers are told of by this node. Absent: an older agent does not say. */
  readonly announced?: readonly Range[];
}

/** An annotation may have 256 KiB with all others; this much of a record is enough for people. */
const MOST = 100;

/** Addresses of pools lie side by side: so many ranges are many more addresses. */
const MOST_RANGES = 1000;

export function writeBgpRecord({ peers, problems, announced }: BgpRecord): Readonly<Record<string, string>> {
  const ranges = announced?.slice(0, MOST_RANGES).map(spanText);
  return {
    [KEY.bgp]: JSON.stringify({ peers: peers.slice(0, MOST), problems: problems.slice(0, MOST), announced: ranges }),
  };
}

/** Only what is well-formed: anybody may edit a Lease. Undefined: the Lease is not about BGP. */
export function readBgpRecord({ metadata }: Lease): BgpRecord | undefined {
  const text = metadata.annotations?.[KEY.bgp];
  if (text === undefined || !metadata.name.startsWith(BGP_LEASE_PREFIX)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { peers, problems, announced } = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof BgpRecord, unknown>
  >;
  return {
    peers: Array.isArray(peers) ? peers.filter(isPeer) : [],
    problems: texts(problems),
    ...(Array.isArray(announced) ? { announced: texts(announced).flatMap((text) => parseSpan(text) ?? []) } : {}),
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function isPeer(value: unknown): value is BgpPeerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { peer, as, state, since, routes, bfd, problem } = value as Record<keyof BgpPeerRecord, unknown>;
  const texts = [peer, state, since].every((one) => typeof one === 'string');
  const optional = [bfd, problem].every((one) => one === undefined || typeof one === 'string');
  return texts && optional && typeof as === 'number' && typeof routes === 'number';
}

/**
 * The account of one failover, as the node that took over gives it: annotation `kubevip.dev/failovers` on its Lease, and
 * `/failovers` of its agent. Times are of that node's clock alone, so that they can be compared with each other.
 */
import { KEY } from './annotations.ts';
import type { Lease } from './kubernetes.ts';

/**
 * `death`: the owner fell silent; `handover`: the owner lives, and was not to have the addresses any more; `leaving`: the
 * agent of the owner ended, and said so.
 */
export type TakeoverCause = 'death' | 'handover' | 'leaving';

const CAUSES: readonly unknown[] = ['death', 'handover', 'leaving'] satisfies TakeoverCause[];

/** Times are ISO 8601 with milliseconds. */
export interface FailoverRecord {
  readonly cause: TakeoverCause;
  readonly from: string;
  readonly to: string;
  /** How many addresses moved. */
  readonly addresses: number;
  /** The last sign of life of `from`; only of one that died. */
  readonly lastHeard?: string;
  /** When `from` counted as dead, or was heard to give the addresses away. */
  readonly detected?: string;
  /** When the first of the addresses was sure to be `to`'s. */
  readonly decided: string;
  /** When the kernel of `to` had the last of them. */
  readonly placed?: string;
  /** When the LAN was told of the first of them. */
  readonly announced?: string;
  /** From the last sign of life, or else from what is known first, until the LAN was told of the last one. */
  readonly seconds: number;
  /** Addresses of which the LAN was not told within some seconds. */
  readonly missing?: number;
}

/** How many stand on a Lease, which is written often. */
const ON_RECORD = 5;

/** @param records newest first. Nothing for none: what an earlier run wrote stays. */
export function writeFailovers(records: readonly FailoverRecord[]): Readonly<Record<string, string>> {
  return records.length === 0 ? {} : { [KEY.failovers]: JSON.stringify(records.slice(0, ON_RECORD)) };
}

/** Newest first. What anybody may have made of the annotation is left out. */
export function readFailovers({ metadata }: Lease): FailoverRecord[] {
  let value: unknown;
  try {
    value = JSON.parse(metadata.annotations?.[KEY.failovers] ?? '[]');
  } catch {
    return [];
  }
  return Array.isArray(value) ? value.flatMap((one: unknown) => readOne(one) ?? []) : [];
}

function readOne(value: unknown): FailoverRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { cause, from, to, addresses, decided, seconds, missing, ...rest } = value as Record<string, unknown>;
  const isTime = (text: unknown): text is string => typeof text === 'string' && !Number.isNaN(Date.parse(text));
  if (!CAUSES.includes(cause) || typeof from !== 'string' || typeof to !== 'string' || !isTime(decided))
    return undefined;
  if (typeof addresses !== 'number' || typeof seconds !== 'number') return undefined;
  const times = ['lastHeard', 'detected', 'placed', 'announced'].filter((name) => isTime(rest[name]));
  return {
    cause: cause as TakeoverCause,
    from,
    to,
    addresses,
    ...Object.fromEntries(times.map((name) => [name, rest[name]])),
    decided,
    seconds,
    ...(typeof missing === 'number' ? { missing } : {}),
  };
}

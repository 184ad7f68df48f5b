/**
 * Which leases are kept ready, for the agent that gives out addresses after this one: in a Lease of their own, since
 * the one that is elected by is written every second.
 */
import { KEY } from '../../../model/annotations.ts';
import { parseIp, type Family } from '../../../model/ip.ts';
import type { Lease } from '../../../model/kubernetes.ts';
import { LEASE_LABELS } from '../../ownership/names.ts';
import type { LeaseStore } from '../../ownership/port.ts';
import type { DhcpLease } from '../port.ts';

export interface RecordedSpare {
  /** The subnet it was got in: interfaces are called differently on every node. */
  readonly lan: string;
  /** With the cluster and the subnet it makes the identity shown to the server. */
  readonly slot: number;
  readonly lease: DhcpLease;
}

export interface SpareRecord {
  read(): readonly RecordedSpare[];
  /** Resolves when it is written, or could not be: the next call writes what is missing. Never rejects. */
  write(spares: readonly RecordedSpare[]): Promise<void>;
}

export interface SpareRecordOptions {
  readonly store: Pick<LeaseStore, 'get' | 'create' | 'replace' | 'delete'>;
  readonly family: Family;
  readonly onError: (error: unknown) => void;
}

const NAMES: Readonly<Record<Family, string>> = { 4: 'kubevip-dhcp-spares', 6: 'kubevip-dhcp6-spares' };
const CALL = { timeoutMs: 2000 };

export function createSpareRecord({ store, family, onError }: SpareRecordOptions): SpareRecord {
  const name = NAMES[family];
  let wanted = '[]';
  let busy = false;
  let writing = Promise.resolve();

  const shown = (): string => store.get(name)?.metadata.annotations?.[KEY.dhcpSpares] ?? '[]';
  /** @returns whether it is worth while to go on at once. */
  const writeOnce = async (text: string): Promise<boolean> => {
    const before = store.get(name);
    try {
      if (text === '[]' && before !== undefined) return (await store.delete(before, CALL)) === 'deleted';
      const lease = withSpares(name, before, text);
      return (await (before === undefined ? store.create(lease, CALL) : store.replace(lease, CALL))) !== 'conflict';
    } catch (error) {
      onError(error);
      return false;
    }
  };
  const writeAll = async (): Promise<void> => {
    busy = true;
    while (wanted !== shown() && (await writeOnce(wanted)));
    busy = false;
  };

  return {
    read: () => parse(shown()),
    write(spares) {
      wanted = JSON.stringify(spares);
      if (!busy) writing = writeAll();
      return writing;
    },
  };
}

function withSpares(name: string, before: Lease | undefined, text: string): Lease {
  const metadata = before?.metadata ?? { name };
  const annotations = { ...metadata.annotations, [KEY.dhcpSpares]: text };
  return { ...before, metadata: { ...metadata, annotations, labels: { ...metadata.labels, ...LEASE_LABELS } } };
}

/** What makes no sense (edited by hand) is as if it were not there. */
function parse(text: string): RecordedSpare[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  return Array.isArray(value) ? value.filter(isSpare) : [];
}

function isSpare(value: unknown): value is RecordedSpare {
  if (typeof value !== 'object' || value === null) return false;
  const { lan, slot, lease } = value as Partial<Record<keyof RecordedSpare, unknown>>;
  if (typeof lan !== 'string' || !Number.isInteger(slot) || typeof lease !== 'object' || lease === null) return false;
  return 'ip' in lease && typeof lease.ip === 'string' && parseIp(lease.ip) !== undefined;
}

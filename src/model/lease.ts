/**
 * The record in a coordination.k8s.io/v1 Lease, as client-go's leader election reads and writes it. Its
 * times are those of another machine's clock: they are written for people and never compared.
 */
import type { Lease } from './kubernetes.ts';
import type { Milliseconds } from './time.ts';

export type LeaseRecord = NonNullable<Lease['spec']>;

/** metav1.MicroTime: the API server takes exactly six fractional digits. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/** Who holds the Lease; undefined when nobody does. */
export function holderOf(lease: Lease | undefined): string | undefined {
  const holder = lease?.spec?.holderIdentity;
  return holder === '' ? undefined : holder;
}

/** How long the record is good for after its last change was seen; `fallback` when it does not say. */
export function durationOf(lease: Lease | undefined, fallback: Milliseconds): Milliseconds {
  const seconds = lease?.spec?.leaseDurationSeconds;
  return seconds === undefined ? fallback : seconds * 1000;
}

/** Whether nothing was renewed between two sightings, whatever else changed on the object. */
export function isSameRecord(a: Lease | undefined, b: Lease | undefined): boolean {
  return (
    a?.metadata.uid === b?.metadata.uid &&
    a?.spec?.holderIdentity === b?.spec?.holderIdentity &&
    a?.spec?.renewTime === b?.spec?.renewTime &&
    a?.spec?.acquireTime === b?.spec?.acquireTime &&
    a?.spec?.leaseTransitions === b?.spec?.leaseTransitions
  );
}

/**
 * The record with which `holder` takes the Lease, or renews it: whoever held it before counts as a
 * transition, taking back one's own does not.
 */
export function takenRecord(
  before: Lease | undefined,
  holder: string,
  wall: Date,
  duration: Milliseconds | undefined,
): LeaseRecord {
  const now = microTime(wall);
  const record = before?.spec;
  const same = record?.holderIdentity === holder;
  const transitions = record?.leaseTransitions ?? 0;
  return {
    holderIdentity: holder,
    ...(duration !== undefined && { leaseDurationSeconds: Math.ceil(duration / 1000) }),
    acquireTime: same ? (record.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: same || before === undefined ? transitions : transitions + 1,
  };
}

/** The record with which a holder lets go: free at once, as client-go releases. */
export function releasedRecord(before: Lease, wall: Date): LeaseRecord {
  const now = microTime(wall);
  return {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: before.spec?.leaseTransitions ?? 0,
  };
}

/**
 * Order of two versions of one object: below zero when `a` is older. Versions that are not numbers cannot be
 * ordered and count as equal (they are numbers on every API server since Kubernetes 1.35, by contract).
 */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  if (!/^\d+$/.test(a ?? '') || !/^\d+$/.test(b ?? '')) return 0;
  const [x, y] = [BigInt(a ?? 0), BigInt(b ?? 0)];
  return x < y ? -1 : x > y ? 1 : 0;
}

import { describe, expect, it } from 'vitest';
import { Election } from '../../../src/exposure/ownership/election.ts';
import type { Lease } from '../../../src/model/kubernetes.ts';

const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
const lease = (version: string, holderIdentity: string): Lease => ({
  metadata: { name: 'l', uid: 'u', resourceVersion: version },
  spec: { holderIdentity, leaseDurationSeconds: 5 },
});

describe('an election', () => {
  it('goes on holding when the watch brings the version before its own write late', () => {
    const election = new Election('n1', TIMES, 0);
    election.contend(true, 0);
    election.observe(lease('9', ''), 0);
    expect(election.next(0)).toMatchObject({ kind: 'replace' });
    election.written(lease('11', 'n1'), 5);
    election.observe(lease('10', 'n2'), 6);
    expect(election.holding).toBe(true);
    expect(election.lease?.metadata.resourceVersion).toBe('11');
  });

  it('lets go when a newer version names another holder', () => {
    const election = new Election('n1', TIMES, 0);
    election.contend(true, 0);
    election.next(0);
    election.written(lease('11', 'n1'), 5);
    election.observe(lease('12', 'n2'), 6);
    expect(election.holding).toBe(false);
  });

  it('lets go by itself at the renew deadline, before anybody else may take over', () => {
    const election = new Election('n1', TIMES, 0);
    election.contend(true, 0);
    election.next(0);
    election.written(lease('11', 'n1'), 5);
    election.next(2999);
    expect(election.holding).toBe(true);
    election.next(3000);
    expect(election.holding).toBe(false);
    expect(election.expiresAt()).toBeGreaterThan(3000);
  });
});

import { describe, expect, it } from 'vitest';
import { Reporter } from '../../../src/exposure/status/reporter.ts';
import type { Condition, Service } from '../../../src/model/kubernetes.ts';
import { condition } from '../../support/exposed.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const service: Service = {
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1' },
  spec: { type: 'LoadBalancer' },
};

/** Reports each of these conditions, one after the other, though the watch never shows any of them. */
async function report(conditions: readonly Condition[]): Promise<{ counted: string[]; events: string[] }> {
  const counted: string[] = [];
  const events: string[] = [];
  const reporter = new Reporter({
    writer: { patch: () => Promise.resolve() },
    events: { record: (_, type, reason) => void events.push(`${type} ${reason}`) },
    clock: createFakeClock(),
    onError: () => undefined,
    onChange: (key, { type, status, reason }) => void counted.push(`${key} ${type} ${status} ${reason}`),
  });
  for (const one of conditions) {
    reporter.report(service, { conditions: [one] });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { counted, events };
}

describe('what is counted of decisions', () => {
  it('is every change of status or reason once, however often it is decided and however late the watch is', async () => {
    const { counted, events } = await report([
      condition('address', 'Unknown', 'DhcpDiscovering', 'since 1'),
      condition('address', 'False', 'NoDhcpServer', 'for 1 s'),
      condition('address', 'False', 'NoDhcpServer', 'for 2 s'),
      condition('ready', 'False', 'NoDhcpServer'),
      condition('address', 'False', 'LeaseRefused'),
      condition('address', 'True', 'AddressAssigned'),
    ]);
    expect(counted).toEqual([
      'default/web kubevip.dev/AddressAssigned Unknown DhcpDiscovering',
      'default/web kubevip.dev/AddressAssigned False NoDhcpServer',
      'default/web kubevip.dev/Ready False NoDhcpServer',
      'default/web kubevip.dev/AddressAssigned False LeaseRefused',
      'default/web kubevip.dev/AddressAssigned True AddressAssigned',
    ]);
    expect(events).toEqual(['Warning NoDhcpServer', 'Warning LeaseRefused', 'Normal AddressAssigned']);
  });

  it('is told as a warning where it works and soon will not', async () => {
    const { events } = await report([
      condition('address', 'True', 'RenewalUnanswered'),
      condition('address', 'True', 'AddressAssigned'),
    ]);
    expect(events).toEqual(['Warning RenewalUnanswered', 'Normal AddressAssigned']);
  });
});

describe('a write that failed', () => {
  it('is tried again ever later, and at once when the API server answers again', async () => {
    const clock = createFakeClock();
    let isUp = false;
    const attempts: number[] = [];
    const reporter = new Reporter({
      writer: {
        patch: () => {
          attempts.push(clock.now());
          return isUp ? Promise.resolve() : Promise.reject(new Error('nobody answers'));
        },
      },
      events: { record: () => undefined },
      clock,
      onError: () => undefined,
    });
    const begun = clock.now();
    reporter.report(service, { conditions: [condition('address', 'True', 'AddressAssigned')] });
    await clock.advanceAsync(60_000);
    expect(attempts.length).toBeGreaterThan(5);
    expect(attempts.length).toBeLessThan(12);
    expect(attempts[0]).toBe(begun);
    isUp = true;
    const before = attempts.length;
    reporter.recovered();
    await clock.advanceAsync(1);
    expect(attempts).toHaveLength(before + 1);
    await clock.advanceAsync(120_000);
    expect(attempts).toHaveLength(before + 1);
  });
});

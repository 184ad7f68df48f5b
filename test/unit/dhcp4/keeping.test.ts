/** BOUND, RENEWING and REBINDING. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC } from '../../../src/model/mac.ts';
import { INFINITE_SECONDS, timesOf } from '../../../src/protocols/dhcp-client/lease-times.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp4/codes.ts';
import { boundHarness, requestedOf, serverOf } from './client-harness.ts';
import { createModelServer, seededEntropy, SERVER, SERVER_MAC } from './model-server.ts';

const HOUR = 3_600_000;
const { request } = MESSAGE_TYPE;

describe('T1 and T2', () => {
  const times = (lease: number, renew?: number, rebind?: number): number[] =>
    Object.values(timesOf(lease, { renewSeconds: renew, rebindSeconds: rebind }));

  it('are as the server says, or half and seven eighths', () => {
    expect(times(3600, 900, 1200)).toEqual([900, 1200]);
    expect(times(3600)).toEqual([1800, 3150]);
    expect(times(3600, 900)).toEqual([900, 3150]);
  });

  it('are put right where they make no sense', () => {
    expect(times(3600, 3500, 1000)).toEqual([1000, 1000]);
    expect(times(3600, 5000, 5000)).toEqual([1800, 3150]);
    expect(times(3600, 0, 0)).toEqual([1800, 3150]);
    expect(times(1)).toEqual([1, 1]);
    expect(times(INFINITE_SECONDS, 10, 20)).toEqual([INFINITE_SECONDS, INFINITE_SECONDS]);
  });
});

describe('BOUND', () => {
  it('is silent until T1, which comes up to a twentieth early', () => {
    const early = Array.from({ length: 20 }, (_, seed) => {
      const harness = boundHarness({ entropy: seededEntropy(seed) });
      const begun = harness.now;
      harness.pass(HOUR / 2);
      return harness.sent[0]!.at - begun;
    });
    for (const at of early) {
      expect(at).toBeGreaterThan(0.95 * (HOUR / 2) - 1);
      expect(at).toBeLessThanOrEqual(HOUR / 2);
    }
    expect(new Set(early).size).toBeGreaterThan(15);
  });

  it('is for ever when the server says so', () => {
    const harness = boundHarness({ servers: [createModelServer({ leaseSeconds: INFINITE_SECONDS })] });
    expect(harness.client.deadline()).toBeUndefined();
    harness.pass(10 * 365 * 24 * HOUR);
    expect(harness.sent).toEqual([]);
    expect(harness.client.state).toBe('BOUND');
  });
});

describe('RENEWING', () => {
  it('asks its server alone, from the leased address', () => {
    const harness = boundHarness();
    harness.pass(HOUR / 2);
    const { message, ...way } = harness.last.outgoing;
    expect(harness.types()).toEqual([request]);
    expect(way).toMatchObject({ sourceIp: '10.77.0.100', targetIp: SERVER, targetMac: SERVER_MAC });
    expect(message.ciaddr).toBe('10.77.0.100');
    expect(requestedOf({ message, ...way })).toBeUndefined();
    expect(serverOf({ message, ...way })).toBeUndefined();
    expect(harness.client.state).toBe('BOUND');
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
  });

  it('takes a new address and new times as they are', () => {
    const server = createModelServer();
    const harness = boundHarness({ servers: [server] });
    server.renumberTo = ip('10.77.0.42');
    server.leaseSeconds = 600;
    harness.pass(HOUR / 2);
    expect(harness.reports).toHaveLength(1);
    expect(harness.lease.terms).toMatchObject({ ip: '10.77.0.42', leaseSeconds: 600, renewSeconds: 300 });
  });

  it('understands an ACK that leaves the address out', () => {
    const server = createModelServer();
    const harness = boundHarness({ servers: [server] });
    harness.servers.length = 0;
    harness.pass(HOUR / 2);
    const reply = server.answer(harness.last.outgoing)!;
    harness.give({ kind: 'message', reply: { ...reply, message: { ...reply.message, yiaddr: ip('0.0.0.0') } } });
    expect(harness.lease.terms.ip).toBe('10.77.0.100');
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
  });

  it('asks again after half of the time left to T2, at least a minute', () => {
    const harness = boundHarness({ entropy: seededEntropy(1, 0) });
    const begun = harness.now;
    harness.lost = () => true;
    harness.pass(0.874 * HOUR);
    const minutes = harness.sent.map(({ at }) => (at - begun) / 60_000);
    expect(minutes[0]).toBeCloseTo(30, 3);
    expect(minutes[1]).toBeCloseTo(41.25, 3);
    expect(minutes[2]).toBeCloseTo(46.875, 3);
    for (const [i, at] of minutes.slice(1).entries()) expect(at - minutes[i]!).toBeGreaterThanOrEqual(1);
    expect(harness.client.state).toBe('RENEWING');
  });

  it('has more than one try when the lease is of minutes', () => {
    const harness = boundHarness({ servers: [createModelServer({ leaseSeconds: 120 })] });
    harness.lost = () => true;
    harness.pass(104_000);
    expect(harness.sent.length).toBeGreaterThanOrEqual(3);
  });

  it('loses the lease to a NAK of its server, and falls silent', () => {
    const server = createModelServer();
    const harness = boundHarness({ servers: [server] });
    server.refusing = true;
    harness.pass(HOUR / 2);
    expect(harness.reports).toMatchObject([
      { kind: 'lost', cause: { kind: 'refused', server: SERVER, text: 'not-yours' } },
    ]);
    expect(harness.client.state).toBe('STOPPED');
    harness.types();
    harness.pass(10 * HOUR);
    expect(harness.types()).toEqual([]);
  });
});

describe('REBINDING', () => {
  it('asks everybody from T2 on, every other time so that the answer is a broadcast', () => {
    const harness = boundHarness({ entropy: seededEntropy(1, 0) });
    harness.lost = () => true;
    harness.pass(0.9999 * HOUR);
    const asked = harness.sent.filter(({ outgoing }) => outgoing.targetIp !== SERVER).map(({ outgoing }) => outgoing);
    expect(harness.client.state).toBe('REBINDING');
    expect(asked.length).toBeGreaterThan(2);
    for (const outgoing of asked)
      expect(outgoing).toMatchObject({ targetIp: '255.255.255.255', targetMac: BROADCAST_MAC });
    expect(asked[0]).toMatchObject({ sourceIp: '10.77.0.100', message: { ciaddr: '10.77.0.100' } });
    expect(asked[1]).toMatchObject({ sourceIp: '0.0.0.0', message: { ciaddr: '0.0.0.0' } });
    expect([requestedOf(asked[0]!), requestedOf(asked[1]!)]).toEqual([undefined, '10.77.0.100']);
  });

  it('goes on with another server that knows the lease', () => {
    const [first, second] = [createModelServer(), createModelServer({ ip: ip('10.77.0.2') })];
    const harness = boundHarness({ servers: [first] });
    first.up = false;
    second.leases.set(harness.lease.terms.ip, [...first.leases.values()][0]!);
    harness.servers.push(second);
    harness.pass(0.9 * HOUR);
    expect(harness.lease.terms).toMatchObject({ ip: '10.77.0.100', server: '10.77.0.2' });
    expect(harness.client.state).toBe('BOUND');
  });

  it('ends with the lease, not before and not later', () => {
    const harness = boundHarness();
    harness.lost = () => true;
    harness.pass(HOUR - 1);
    expect(harness.reports).toEqual([]);
    harness.pass(1);
    expect(harness.reports).toMatchObject([
      { kind: 'lost', cause: { kind: 'expired' }, lease: { terms: { ip: '10.77.0.100' } } },
    ]);
    expect(harness.client.state).toBe('STOPPED');
  });

  it('believes the NAK of a stranger only when its own server stays silent', () => {
    const [own, stranger] = [createModelServer(), createModelServer({ ip: ip('10.77.0.2') })];
    const harness = boundHarness({ servers: [own] });
    own.up = false;
    harness.pass(0.86 * HOUR);
    harness.servers.unshift(stranger);
    own.up = true;
    harness.pass(0.1 * HOUR);
    expect(stranger.seen.length).toBeGreaterThan(0);
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);

    own.up = false;
    harness.pass(0.9 * HOUR);
    expect(harness.reports.at(-1)).toMatchObject({ kind: 'lost', cause: { kind: 'refused', server: '10.77.0.2' } });
  });
});

describe('a machine that slept', () => {
  it('past T1 renews', () => {
    const harness = boundHarness();
    harness.now += 0.6 * HOUR;
    harness.give({ kind: 'tick' });
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
    expect(harness.last.outgoing.targetIp).toBe(SERVER);
  });

  it('past T2 rebinds without bothering its server first', () => {
    const harness = boundHarness();
    harness.now += 0.9 * HOUR;
    harness.give({ kind: 'tick' });
    expect(harness.sent.map(({ outgoing }) => outgoing.targetIp)).toEqual(['255.255.255.255']);
    expect(harness.client.state).toBe('BOUND');
  });

  it('past the end has lost the lease', () => {
    const harness = boundHarness();
    harness.now += 2 * HOUR;
    harness.give({ kind: 'tick' });
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'expired' } }]);
    expect(harness.sent).toEqual([]);
  });
});

describe('a week', () => {
  it('of renewals keeps one address, with a message every half lease', () => {
    const harness = boundHarness();
    const begun = performance.now();
    harness.pass(7 * 24 * HOUR);
    const took = performance.now() - begun;
    expect(harness.lease.terms.ip).toBe('10.77.0.100');
    expect(harness.reports.every(({ kind }) => kind === 'bound')).toBe(true);
    expect(harness.sent.length).toBeGreaterThanOrEqual(7 * 48);
    expect(harness.sent.length).toBeLessThanOrEqual(7 * 48 * 1.06);
    // About a millisecond; the bound only says that nothing in there waits.
    expect(took).toBeLessThan(1000);
  });

  it('with every third message lost keeps it too', () => {
    const harness = boundHarness();
    let count = 0;
    harness.lost = () => ++count % 3 === 0;
    harness.pass(7 * 24 * HOUR);
    expect(harness.lease.terms.ip).toBe('10.77.0.100');
    expect(harness.reports.every(({ kind }) => kind === 'bound')).toBe(true);
  });

  it('of leases of a second cannot make the client talk without a pause', () => {
    const harness = boundHarness({ servers: [createModelServer({ leaseSeconds: 1 })] });
    harness.pass(60_000);
    expect(harness.sent.length).toBeLessThan(70);
  });
});

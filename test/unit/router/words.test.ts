/** The small parts: descriptions, lifetimes, nonces, addresses and the queue. */
import { describe, expect, it } from 'vitest';
import { mappingDescription, printable } from '../../../src/exposure/router/description.ts';
import { leaseSeconds, leaseSecondsOrForever, refreshAfter } from '../../../src/exposure/router/lifetime.ts';
import { createLimit } from '../../../src/exposure/router/limit.ts';
import { pcpNonce } from '../../../src/exposure/router/nonce.ts';
import { reachabilityOf } from '../../../src/exposure/router/reachability.ts';
import { ip } from '../../../src/model/ip.ts';

describe('descriptions', () => {
  it('carry namespace and name', () => {
    expect(mappingDescription('default/web')).toBe('kubevip/default/web');
  });

  it('are cut in the middle', () => {
    const text = mappingDescription(`${'n'.repeat(63)}/${'s'.repeat(63)}`);
    expect(text).toHaveLength(64);
    expect(text).toMatch(/^kubevip\/n+\.\.s+$/);
  });

  it('of others become one line', () => {
    expect(printable('a\r\nb\u0000\u202Ec')).toBe('a b c');
    expect(printable('x'.repeat(200))).toHaveLength(80);
  });
});

describe('lifetimes', () => {
  it('are whole seconds between ten seconds and a week', () => {
    expect([0, 1, 1500, 3_600_000, 1e12].map(leaseSeconds)).toEqual([604_800, 10, 10, 3600, 604_800]);
    expect(leaseSecondsOrForever(0)).toBe(0);
  });

  it('are refreshed half-way, of what was asked for if that is sooner, and never without an end', () => {
    expect([1000, 3_600_000].map((granted) => refreshAfter(granted, 0))).toEqual([1000, 1_800_000]);
    expect([0, 86_400_000].map((granted) => refreshAfter(granted, 3_600_000))).toEqual([1_800_000, 1_800_000]);
    expect(refreshAfter(0, 0)).toBeUndefined();
  });
});

describe('nonces', () => {
  it('are the same everywhere, and others for other mappings', () => {
    const port = { protocol: 'TCP', internalPort: 80 } as const;
    const nonces = [
      pcpNonce('a', port),
      pcpNonce('b', port),
      pcpNonce('a', { ...port, protocol: 'UDP' }),
      pcpNonce('a', { ...port, internalPort: 81 }),
    ].map((nonce) => Buffer.from(nonce).toString('hex'));
    expect(new Set(nonces).size).toBe(4);
    expect(Buffer.from(pcpNonce('a', port)).toString('hex')).toBe(nonces[0]);
    expect(nonces[0]).toHaveLength(24);
  });
});

describe('outer addresses', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['192.0.1.2', 'public'],
    ['172.32.0.1', 'public'],
    ['100.128.0.1', 'public'],
    ['172.31.255.255', 'private'],
    ['100.127.255.255', 'cgnat'],
    ['192.0.0.7', 'cgnat'],
    ['192.0.0.9', 'reserved'],
    ['198.51.100.1', 'reserved'],
    ['169.254.1.1', 'reserved'],
    ['240.0.0.1', 'reserved'],
    ['2a00::1', 'public'],
    ['fd00::1', 'private'],
    ['fe80::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
  ])('%s is %s', (address, expected) => {
    expect(reachabilityOf(ip(address))).toBe(expected);
  });
});

describe('the queue', () => {
  it('runs one at a time, in order, goes on after an error, and leaves out who does not want to wait', async () => {
    const limit = createLimit();
    const tired = new AbortController();
    const log: string[] = [];
    const release: (() => void)[] = [];
    const task = (name: string) => () => {
      log.push(name);
      return new Promise<string>((resolve, reject) => {
        release.push(() => (name === 'b' ? reject(new Error('no')) : resolve(name)));
      });
    };
    const signalOf = (name: string): AbortSignal | undefined => (name === 'c' ? tired.signal : undefined);
    const all = ['a', 'b', 'c', 'd'].map((name) => limit(task(name), signalOf(name)).catch(() => 'failed'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(['a']);
    tired.abort();
    for (let i = 0; i < 3; i++) {
      release[i]?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(log).toEqual(['a', 'b', 'd']);
    expect(await Promise.all(all)).toEqual(['a', 'failed', undefined, 'd']);
  });
});

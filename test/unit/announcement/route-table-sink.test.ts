import { beforeEach, describe, expect, it } from 'vitest';
import type { RouteTable } from '../../../src/exposure/announcement/routed/table/port.ts';
import { createRouteTableSink } from '../../../src/exposure/announcement/routed/table/sink.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const A = ip('10.9.0.1');
const B = ip('2001:db8::1');
const LO = { name: 'lo', index: 1 };
const ETH = { name: 'eth0', index: 2 };

function world(cleansStrangers = false) {
  const clock = createFakeClock();
  const routes = new Map<Ip, number>();
  const state = { refuses: false, holdsOn: false, strangers: true, sets: 0 };
  const table: RouteTable = {
    name: 'routing table 198',
    set: (address, linkIndex) => {
      if (state.refuses) throw new Error('EPERM');
      state.sets++;
      routes.set(address, linkIndex);
    },
    remove: (address) => {
      if (state.holdsOn) throw new Error('EPERM');
      routes.delete(address);
    },
    owned: () => [...routes].map(([address, linkIndex]) => ({ ip: address, linkIndex })),
    removeStrangers: () => (state.strangers = false),
  };
  const sink = createRouteTableSink({ table, reach: 'every-node', clock, cleansStrangers });
  return { clock, routes, state, sink };
}

let w: ReturnType<typeof world>;
beforeEach(() => {
  w = world();
});
const announce = (address: Ip, link = LO) => w.sink.announce({ ip: address, link, leaving: false });

describe('routes for a daemon', () => {
  it('are written once, follow the interface, and go when withdrawn', () => {
    expect(announce(A)).toMatchObject({ state: 'ready', reason: 'RouteWritten' });
    announce(A);
    announce(B);
    expect(w.state.sets).toBe(2);
    announce(A, ETH);
    expect([...w.routes]).toEqual([
      [A, 2],
      [B, 1],
    ]);
    w.sink.withdraw(A);
    w.sink.withdraw(A);
    expect([...w.routes]).toEqual([[B, 1]]);
  });

  it('of an earlier run stay until it is known what is wanted', () => {
    w.routes.set(A, 1).set(B, 1);
    announce(A);
    expect(w.routes.has(B)).toBe(true);
    w.sink.settled();
    expect([...w.routes.keys()]).toEqual([A]);
    expect(w.state.strangers).toBe(true);
  });

  it('of others go only where that is asked for', () => {
    w = world(true);
    w.sink.settled();
    expect(w.state.strangers).toBe(false);
  });

  it('that somebody took away, or led elsewhere, are written again', () => {
    announce(A);
    announce(B);
    w.routes.delete(A);
    w.routes.set(B, 7);
    w.clock.advance(5000);
    expect([...w.routes].sort()).toEqual([
      [A, 1],
      [B, 1],
    ]);
  });

  it('that the kernel refuses are said to be so, tried again, and told when they are there', () => {
    let told = 0;
    w.sink.onChange(() => told++);
    w.state.refuses = true;
    expect(announce(A)).toMatchObject({
      state: 'failed',
      reason: 'RouteRefused',
      message: expect.stringContaining('EPERM') as string,
    });
    w.clock.advance(5000);
    expect(told).toBe(0);
    w.state.refuses = false;
    w.clock.advance(5000);
    expect(told).toBe(1);
    expect(announce(A)).toMatchObject({ state: 'ready' });
  });

  it('that the kernel does not give up are tried again', () => {
    announce(A);
    w.state.holdsOn = true;
    w.sink.withdraw(A);
    expect(w.routes.has(A)).toBe(true);
    w.state.holdsOn = false;
    w.clock.advance(5000);
    expect(w.routes.has(A)).toBe(false);
    expect(w.clock.pending()).toBe(0);
  });

  it('are all gone at the end, with a moment for the daemon to tell of it', async () => {
    w.routes.set(B, 1);
    announce(A);
    let closed = false;
    const closing = w.sink.close().then(() => (closed = true));
    expect(w.routes.size).toBe(0);
    await w.clock.advanceAsync(400);
    expect(closed).toBe(false);
    await w.clock.advanceAsync(100);
    await closing;
    expect(w.clock.pending()).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { createLifetimes, type Lifetimes } from '../../../src/exposure/announcement/lifetime.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const v4 = (count: number): Ip[] => Array.from({ length: count }, (_, i) => ip(`10.77.${i >> 8}.${i & 255}`));
const v6 = (count: number): Ip[] => Array.from({ length: count }, (_, i) => ip(`2001:db8::1:${(i + 1).toString(16)}`));

interface World {
  readonly clock: FakeClock;
  readonly lifetimes: Lifetimes;
  readonly lapsed: Ip[];
  /** Gives the address its lifetime. */
  readonly put: (ip: Ip) => void;
}

/** @param cost milliseconds that the kernel takes for each, during which nothing else runs. */
function createWorld(cost = 0): World {
  const clock = createFakeClock();
  const lapsed: Ip[] = [];
  const put = (address: Ip): void => {
    const life = lifetimes.next(address);
    clock.stall(cost);
    lifetimes.started(address, life);
  };
  const lifetimes = createLifetimes(clock, 1, put, (address) => void lapsed.push(address));
  return { clock, lifetimes, lapsed, put };
}

describe('the lifetime of addresses in the kernel', () => {
  it('is as short as was asked for while they are few, and 2 s of many', () => {
    const { lifetimes, put } = createWorld();
    v4(257).forEach(put);
    expect(lifetimes.next(v4(1)[0]!)).toBe(2);
    lifetimes.stop(v4(1)[0]!);
    expect(lifetimes.next(v4(1)[0]!)).toBe(1);
  });

  it('is 8 s of many IPv6 addresses, and of these alone', () => {
    const { lifetimes, put } = createWorld();
    [...v6(256), ...v4(10)].forEach(put);
    expect([...v6(1), ...v4(1)].map((address) => lifetimes.next(address))).toEqual([2, 2]);
    v6(257).forEach(put);
    expect([...v6(1), ...v4(1)].map((address) => lifetimes.next(address))).toEqual([8, 2]);
    lifetimes.stop(v6(257)[256]!);
    expect(lifetimes.next(v6(1)[0]!)).toBe(2);
    lifetimes.stopAll();
    expect(lifetimes.next(v6(1)[0]!)).toBe(1);
  });

  it('is kept up for both families beside each other, whatever each lives', () => {
    const { clock, lifetimes, lapsed, put } = createWorld();
    const all = [...v6(300), ...v4(20)];
    all.forEach(put);
    for (let i = 0; i < 300; i++) {
      clock.advance(100);
      expect(all.filter((address) => !lifetimes.isRunning(address))).toEqual([]);
    }
    expect(lapsed).toEqual([]);
  });

  it('is kept up where many become few, and some still live longer than others', () => {
    const { clock, lifetimes, lapsed, put } = createWorld();
    const all = v6(300);
    all.forEach(put);
    clock.advance(10_000);
    const rest = all.slice(0, 200);
    all.slice(200).forEach((address) => lifetimes.stop(address));
    for (const address of rest.slice(0, 5)) put(address);
    for (let i = 0; i < 300; i++) {
      clock.advance(100);
      expect(rest.filter((address) => !lifetimes.isRunning(address))).toEqual([]);
    }
    expect(lapsed).toEqual([]);
  });

  it('is kept up while a thousand are placed in one tick, and afterwards, on a kernel that is slow to take them', () => {
    const { clock, lifetimes, lapsed, put } = createWorld(1.7);
    const all = v6(1000);
    all.forEach(put);
    expect(all.filter((address) => !lifetimes.isRunning(address))).toEqual([]);
    for (let i = 0; i < 300; i++) {
      clock.advance(100);
      expect(all.filter((address) => !lifetimes.isRunning(address))).toEqual([]);
    }
    expect(lapsed).toEqual([]);
  });

  it('of many IPv6 addresses too counts no more once this process was held up for 2 s', () => {
    const { clock, lifetimes, lapsed, put } = createWorld();
    const all = v6(300);
    all.forEach(put);
    for (let i = 0; i < 100; i++) clock.advance(100);
    clock.stall(1200);
    expect(all.filter((address) => !lifetimes.isRunning(address))).toEqual([]);
    for (let i = 0; i < 100; i++) clock.advance(100);
    clock.stall(2000);
    put(all[7]!);
    expect(all.filter((address) => lifetimes.isRunning(address))).toEqual([all[7]]);
    clock.advance(700);
    expect(lapsed.toSorted()).toEqual(all.filter((address) => address !== all[7]).toSorted());
    expect(lifetimes.isRunning(all[7]!)).toBe(true);
  });

  it('that ran out is told once, by a timer, however late it is found', () => {
    const { clock, lifetimes, lapsed, put } = createWorld();
    const [first, second] = v4(2) as [Ip, Ip];
    put(first);
    clock.stall(5000);
    put(second);
    expect(lapsed).toEqual([]);
    clock.advance(0);
    expect(lapsed).toEqual([first]);
    clock.advance(10_000);
    expect(lapsed).toEqual([first]);
    expect(lifetimes.isRunning(second)).toBe(true);
  });
});

/** Address table and silence filter in memory, with the kernel's lifetimes. */
import type { AddressTable, SilenceFilter } from '../../src/exposure/announcement/port.ts';
import type { Ip } from '../../src/model/ip.ts';
import type { Clock, Milliseconds } from '../../src/model/time.ts';

export interface FakeKernel extends AddressTable {
  /** Addresses that have not run out, with their link index and the end of their lifetime. */
  addresses(): ReadonlyMap<Ip, { readonly linkIndex: number; readonly until: Milliseconds }>;
  /** How often an address was set. */
  sets(): number;
  /** Every call fails with this until told otherwise (undefined). */
  fail(error: Error | undefined): void;
}

export function createFakeKernel(clock: Clock): FakeKernel {
  const table = new Map<Ip, { linkIndex: number; prefixLength: number; until: Milliseconds }>();
  let sets = 0;
  let failure: Error | undefined;
  const live = (): [Ip, { linkIndex: number; prefixLength: number; until: Milliseconds }][] =>
    [...table].filter(([, { until }]) => until > clock.now());
  const check = (): void => {
    if (failure) throw failure;
  };
  return {
    set: (linkIndex, ip, prefixLength, validSeconds) => {
      check();
      sets++;
      const until = validSeconds === undefined ? Number.POSITIVE_INFINITY : clock.now() + validSeconds * 1000;
      table.set(ip, { linkIndex, prefixLength, until });
    },
    remove: (_, ip) => {
      check();
      table.delete(ip);
    },
    owned: () => live().map(([ip, { linkIndex, prefixLength }]) => ({ ip, linkIndex, prefixLength })),
    addresses: () => new Map(live()),
    sets: () => sets,
    fail: (error) => {
      failure = error;
    },
  };
}

export interface FakeSilence extends SilenceFilter {
  /** What is silent now; undefined: no filter at all. */
  silent(): readonly Ip[] | undefined;
  /** How long a change takes; 0 at first. */
  delay(time: Milliseconds): void;
  fail(error: Error | undefined): void;
}

export function createFakeSilence(clock: Clock): FakeSilence {
  let silent: readonly Ip[] | undefined;
  let wait = 0;
  let failure: Error | undefined;
  const done = async (): Promise<void> => {
    if (failure) throw failure;
    if (wait > 0) await new Promise<void>((resolve) => void clock.after(wait, resolve));
  };
  return {
    set: async (ips) => {
      const copy = [...ips];
      await done();
      silent = copy;
    },
    clear: async () => {
      await done();
      silent = undefined;
    },
    silent: () => silent,
    delay: (time) => {
      wait = time;
    },
    fail: (error) => {
      failure = error;
    },
  };
}

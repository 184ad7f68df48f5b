/** Chance that can be repeated: the same seed gives the same numbers on every machine (mulberry32). */
export interface Chance {
  /** From 0, below 1. */
  fraction(): number;
  /** A whole number from 0, below `limit`. */
  below(limit: number): number;
  /** @throws RangeError for an empty list. */
  pick<T>(list: readonly T[]): T;
  /** True in this share of cases. */
  happens(share: number): boolean;
  bytes(length: number): Uint8Array;
}

export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return {
    fraction: () => next() / 2 ** 32,
    below,
    pick: (list) => {
      if (list.length === 0) throw new RangeError('nothing to pick from');
      return list[below(list.length)]!;
    },
    happens: (share) => next() / 2 ** 32 < share,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}

/** The seed given in the environment (`FUZZ_SEED`, `CHURN_SEED`), or another one each time. */
export function seedFrom(text: string | undefined): number {
  const given = Number(text);
  return text !== undefined && Number.isInteger(given) ? given : Date.now() % 1_000_000_007;
}

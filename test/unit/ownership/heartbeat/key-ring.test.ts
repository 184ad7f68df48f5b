import { describe, expect, it } from 'vitest';
import { createKeyRing } from '../../../../src/exposure/ownership/heartbeat/key-ring.ts';
import { shareKey } from '../../../../src/exposure/ownership/heartbeat/shared-key.ts';
import type { KeyMaterial, KeySecret } from '../../../../src/exposure/ownership/port.ts';
import type { Entropy } from '../../../../src/model/time.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const ring = (clock: FakeClock) => createKeyRing(clock, (secret) => secret[0] ?? 0);
const ids = (keys: readonly { readonly id: number }[]): number[] => keys.map(({ id }) => id);

describe('the keys of heartbeats', () => {
  it('are used at once where there was none before', () => {
    const keys = ring(createFakeClock());
    expect(keys.signing).toBeUndefined();
    expect(keys.accepted).toEqual([]);
    keys.learn({ key: bytes(1) });
    expect(keys.signing?.id).toBe(1);
  });

  it('change without a gap: the new one is accepted at once, signed with after 10 s, the old one accepted for a minute', () => {
    const clock = createFakeClock();
    const keys = ring(clock);
    keys.learn({ key: bytes(1) });
    keys.learn({ key: bytes(2) });
    expect(keys.signing?.id).toBe(1);
    expect(ids(keys.accepted)).toEqual([2, 1]);
    clock.advance(9999);
    expect(keys.signing?.id).toBe(1);
    clock.advance(1);
    expect(keys.signing?.id).toBe(2);
    expect(ids(keys.accepted)).toEqual([2, 1]);
    clock.advance(60_000);
    expect(ids(keys.accepted)).toEqual([2]);
  });

  it('that were changed while an agent was away are used as soon as it sees that: who came after the change knows no other', () => {
    const clock = createFakeClock();
    const keys = ring(clock);
    keys.recall({ key: bytes(1) });
    expect(keys.signing?.id).toBe(1);
    keys.learn({ key: bytes(2) });
    expect(keys.signing?.id).toBe(2);
    // Who has not seen the new one yet is understood.
    expect(ids(keys.accepted)).toEqual([2, 1]);
    keys.learn({ key: bytes(3) });
    expect(keys.signing?.id).toBe(2);
  });

  it('accept what the Secret names as the previous one for as long as it does', () => {
    const clock = createFakeClock();
    const keys = ring(clock);
    keys.learn({ key: bytes(1) });
    keys.learn({ key: bytes(2), previous: bytes(1) });
    clock.advance(3_600_000);
    expect(ids(keys.accepted)).toEqual([2, 1]);
    keys.learn({ key: bytes(2) });
    expect(ids(keys.accepted)).toEqual([2]);
  });

  it('go on with the one in use when two changes come quickly', () => {
    const clock = createFakeClock();
    const keys = ring(clock);
    keys.learn({ key: bytes(1) });
    keys.learn({ key: bytes(2), previous: bytes(1) });
    clock.advance(3000);
    keys.learn({ key: bytes(3), previous: bytes(2) });
    expect(keys.signing?.id).toBe(1);
    expect(ids(keys.accepted)).toEqual([3, 2, 1]);
  });
});

/** One Secret, seen by several agents a moment later. */
function cluster(clock: FakeClock) {
  let held: KeyMaterial | undefined;
  const watchers = new Set<(seen: KeyMaterial | undefined) => void>();
  const tell = (): void => watchers.forEach((seen) => clock.after(5, () => seen(held)));
  return {
    put(material: KeyMaterial | undefined) {
      held = material;
      tell();
    },
    get held() {
      return held;
    },
    secret(): KeySecret {
      return {
        watch(seen) {
          watchers.add(seen);
          clock.after(5, () => seen(held));
          return () => void watchers.delete(seen);
        },
        create: (material) =>
          new Promise((resolve) => {
            clock.after(3, () => {
              if (held) return resolve('exists');
              held = material;
              tell();
              resolve('created');
            });
          }),
      };
    },
  };
}

describe('the Secret with the key', () => {
  const agent = (clock: FakeClock, secret: KeySecret, fill: number) => {
    const keys = ring(clock);
    const entropy: Entropy = { bytes: () => bytes(fill), fraction: () => 0 };
    const errors: unknown[] = [];
    return { keys, errors, stop: shareKey({ ring: keys, secret, clock, entropy, onError: (e) => errors.push(e) }) };
  };

  it('is made by the first agent; two that make one at once agree', async () => {
    const clock = createFakeClock();
    const api = cluster(clock);
    const agents = [agent(clock, api.secret(), 1), agent(clock, api.secret(), 2)];
    await clock.advanceAsync(5000);
    expect(api.held?.key[0]).toBe(1);
    expect(agents.map(({ keys }) => keys.signing?.id)).toEqual([1, 1]);
    expect(agents.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('is made again with the key in use when it was deleted', async () => {
    const clock = createFakeClock();
    const api = cluster(clock);
    const one = agent(clock, api.secret(), 1);
    await clock.advanceAsync(100);
    api.put(undefined);
    await clock.advanceAsync(1500);
    expect(api.held?.key[0]).toBe(1);
    expect(one.keys.signing?.id).toBe(1);
  });
});

/**
 * The keys of the heartbeats as one agent knows them. A key that is changed leaves no gap: agents hear of it at different
 * moments, so it is accepted from the moment it is seen and signed with a while later, and the former one is accepted
 * until everybody signs with the new one.
 */
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { KeyMaterial } from '../port.ts';
import type { HeartbeatKey, KeyRing } from './port.ts';

/** By then every agent that hears from the API server has seen the new key. */
const SPREAD: Milliseconds = 10_000;
/** A former key that the Secret does not name any more: agents whose watch is late have it until then. */
const FAREWELL: Milliseconds = 60_000;

export interface WritableKeyRing extends KeyRing {
  /** Takes in what the Secret holds. */
  learn(material: KeyMaterial): void;
  /** Takes in what the last run knew, to be used until the Secret was seen. */
  recall(material: KeyMaterial): void;
  /** What is to be remembered for a start without an API server, or given to others. Undefined: no key is known. */
  readonly material: KeyMaterial | undefined;
  /** Called when `material` has changed. */
  onChange(callback: () => void): () => void;
}

/** @param idOf `keyIdOf` of protocols/heartbeat/seal.ts, with the hash in it. */
export function createKeyRing(clock: Clock, idOf: (secret: Uint8Array) => number): WritableKeyRing {
  const callbacks = new Set<() => void>();
  const named = (secret: Uint8Array): HeartbeatKey => ({ id: idOf(secret), secret });
  let current: HeartbeatKey | undefined;
  let previous: HeartbeatKey | undefined;
  /** The one that was signed with before, and until when it is. */
  let former: { readonly key: HeartbeatKey; readonly signsUntil: Milliseconds } | undefined;

  /** What is known is from the last run: the key may have been changed since, and everybody else have followed. */
  let isRecalled = false;

  const formerNow = (): typeof former => {
    if (former && clock.now() >= former.signsUntil + FAREWELL) former = undefined;
    return former;
  };
  const signing = (): HeartbeatKey | undefined => {
    const before = formerNow();
    return before && clock.now() < before.signsUntil ? before.key : current;
  };
  return {
    get signing() {
      return signing();
    },
    get accepted() {
      const keys = [current, previous, formerNow()?.key].filter((key) => key !== undefined);
      return keys.filter((key, i) => keys.findIndex((other) => isSame(other.secret, key.secret)) === i);
    },
    get material() {
      return current && { key: current.secret, ...(previous ? { previous: previous.secret } : {}) };
    },
    learn(material) {
      const spread = isRecalled ? 0 : SPREAD;
      isRecalled = false;
      const sameKey = current !== undefined && isSame(current.secret, material.key);
      if (sameKey && isSame(previous?.secret, material.previous)) return;
      if (!sameKey) {
        const inUse = signing();
        if (inUse) former = { key: inUse, signsUntil: clock.now() + spread };
        current = named(material.key);
      }
      previous = material.previous && named(material.previous);
      for (const callback of [...callbacks]) callback();
    },
    recall(material) {
      this.learn(material);
      isRecalled = true;
    },
    onChange(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

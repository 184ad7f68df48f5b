/** Keeps the key ring in step with the Secret of the cluster, and makes that Secret where there is none. */
import type { Clock, Entropy, Milliseconds, Timer } from '../../../model/time.ts';
import type { KeySecret } from '../port.ts';
import type { WritableKeyRing } from './key-ring.ts';

export interface SharedKeyOptions {
  readonly ring: WritableKeyRing;
  readonly secret: KeySecret;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly onError: (error: unknown) => void;
}

/** Bytes of a key that is made here; of HMAC-SHA256 the natural length. */
const LENGTH = 32;
const RETRY: Milliseconds = 1000;

/**
 * One that was deleted is made again with the key that is in use, so that nobody need change. Of several that make one at
 * once the first wins, and the others take that. @returns the way to stop
 */
export function shareKey({ ring, secret, clock, entropy, onError }: SharedKeyOptions): () => void {
  const state = { isThere: false, stopped: false };
  const isMissing = (): boolean => !state.isThere && !state.stopped;
  let timer: Timer | undefined;
  const create = async (): Promise<void> => {
    timer = undefined;
    if (!isMissing()) return;
    try {
      // Shown by the watch, whoever made it: nothing is signed with a key that others do not have.
      await secret.create(ring.material ?? { key: entropy.bytes(LENGTH) });
    } catch (error) {
      onError(error);
    }
    if (isMissing()) timer = clock.after(RETRY, () => void create());
  };
  const stopWatching = secret.watch((seen) => {
    state.isThere = seen !== undefined;
    if (seen === 'unusable') onError(new Error('the Secret with the key of the heartbeats has no usable `key`'));
    else if (seen) ring.learn(seen);
    else if (!timer) timer = clock.after(0, () => void create());
  });
  return () => {
    state.stopped = true;
    timer?.cancel();
    stopWatching();
  };
}

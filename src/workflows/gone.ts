/** Waits for a Service to be gone: its finalizer holds it until what lies outside the cluster is undone. */
import type { Service } from '../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import type { Follower } from './follow.ts';

export interface GoneOptions {
  readonly clock: Clock;
  /** On the clock. */
  readonly deadline: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

/** Whether the Service with this UID is gone by the deadline. One of the same name made since does not count. */
export async function goneBy(
  follower: Follower<Service>,
  uid: string | undefined,
  options: GoneOptions,
): Promise<boolean> {
  const { clock, deadline, signal } = options;
  const isThere = (): boolean => follower.current !== undefined && follower.current.metadata.uid === uid;
  while (isThere() && clock.now() < deadline && signal?.aborted !== true) await follower.news(deadline - clock.now());
  return !isThere();
}

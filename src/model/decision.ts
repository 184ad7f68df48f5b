/**
 * What a stage of the pipeline says about one Service. Never a silent boolean: every state carries the
 * reason that `kubectl describe` and `kubevip status` show.
 */

/** CamelCase, stable: condition and Event reasons. Listed in docs/reference/conditions.md. */
export type Reason = string;

export interface Ready<T> {
  readonly state: 'ready';
  readonly reason: Reason;
  /** For people: one sentence with the facts. */
  readonly message: string;
  readonly value: T;
}

export interface NotReady {
  /**
   * `pending`: under way, the stage will call back; `failed`: does not work as things stand, tried again
   * by itself where that can help; `off`: not asked for, nothing of it is held.
   */
  readonly state: 'pending' | 'failed' | 'off';
  readonly reason: Reason;
  readonly message: string;
}

export type Decision<T = undefined> = Ready<T> | NotReady;

export function ready<T>(value: T, reason: Reason, message: string): Ready<T> {
  return { state: 'ready', reason, message, value };
}
export function pending(reason: Reason, message: string): NotReady {
  return { state: 'pending', reason, message };
}
export function failed(reason: Reason, message: string): NotReady {
  return { state: 'failed', reason, message };
}
export function off(reason: Reason, message: string): NotReady {
  return { state: 'off', reason, message };
}

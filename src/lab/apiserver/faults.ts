/** Trouble on demand, for tests: answers that are late, and refusals. */
import { setTimeout as delay } from 'node:timers/promises';
import type { User } from './auth/user.ts';
import { ApiError } from './errors.ts';
import type { RequestInfo } from './http/request-info.ts';

export interface Fault {
  /** Which requests; absent parts match all. */
  readonly verb?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly user?: string;
  /** Held back this long before anything else happens, in milliseconds. */
  readonly delayMs?: number;
  /** Refused with this code; absent: answered after the delay. */
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  /** How many requests it meets; absent: all until it is taken back. */
  readonly times?: number;
}

export interface Faults {
  /** Returns how to take it back. */
  inject(fault: Fault): () => void;
  meet(info: RequestInfo, user: User): Promise<void>;
}

export function createFaults(): Faults {
  const active = new Map<Fault, number>();
  return {
    inject(fault) {
      const own = { ...fault };
      active.set(own, own.times ?? Infinity);
      return () => active.delete(own);
    },
    async meet(info, user) {
      const fault = [...active.keys()].find((candidate) => matches(candidate, info, user));
      if (fault === undefined) return;
      const left = (active.get(fault) ?? 0) - 1;
      if (left <= 0) active.delete(fault);
      else active.set(fault, left);
      if (fault.delayMs !== undefined) await delay(fault.delayMs);
      if (fault.code === undefined) return;
      throw new ApiError(fault.code, fault.reason ?? 'InternalError', fault.message ?? 'a fault was injected', {});
    },
  };
}

function matches(fault: Fault, info: RequestInfo, user: User): boolean {
  if (fault.user !== undefined && fault.user !== user.name) return false;
  if (fault.verb !== undefined && fault.verb !== info.verb) return false;
  const wanted = ['resource', 'subresource', 'namespace', 'name'] as const;
  if (info.kind === 'path') return wanted.every((key) => fault[key] === undefined);
  return wanted.every((key) => fault[key] === undefined || fault[key] === info[key]);
}

/** The times of an election, and what must hold between them. */
import { EXIT, KubevipError } from '../../../model/errors.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { LeaseTimes } from '../port.ts';

/** client-go's jitter factor: a retry may be this much late. */
const JITTER = 1.2;

/**
 * A holder must stop believing before others may take over, and must have had two attempts by then.
 * @throws KubevipError BAD_LEASE_TIMES
 */
export function checkLeaseTimes({ duration, renewDeadline, retryPeriod }: LeaseTimes): void {
  const positive = [duration, renewDeadline, retryPeriod].every((time) => Number.isFinite(time) && time > 0);
  if (positive && duration > renewDeadline && renewDeadline > JITTER * retryPeriod) return;
  const seconds = [duration, renewDeadline, retryPeriod].map((time) => `${time / 1000} s`);
  throw new KubevipError(
    `lease times do not fit: duration (${seconds[0] ?? ''}) > renew deadline (${seconds[1] ?? ''}) > ${JITTER} × retry period (${seconds[2] ?? ''}) must hold`,
    { code: 'BAD_LEASE_TIMES', exit: EXIT.usage, hints: ['Known to work: 5 s, 3 s, 1 s.'] },
  );
}

/** How long one call may take: as with client-go, the deadline allows for two. */
export function callTimeout({ renewDeadline, retryPeriod }: LeaseTimes): Milliseconds {
  return Math.max(retryPeriod, renewDeadline / 2);
}

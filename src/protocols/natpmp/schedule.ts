/** When a NAT-PMP request is sent again (RFC 6886 §3.1). */
import type { Milliseconds } from '../../model/time.ts';

const FIRST: Milliseconds = 250;
const ATTEMPTS = 9;

/**
 * Pauses after each of `attempts` sendings, doubling from 250 ms: 250, 500, 1000, … The whole of the RFC's nine takes
 * two minutes and is for a laptop that has just woken up; who needs an answer asks for fewer.
 */
export function natPmpSchedule(attempts: number = ATTEMPTS): Milliseconds[] {
  return Array.from({ length: Math.min(attempts, ATTEMPTS) }, (_, i) => FIRST * 2 ** i);
}

/** A place before other programs for the thread that speaks to the LAN, where the kernel allows it. */
import { setPriority } from 'node:os';
import koffi from 'koffi';
import { errnoName } from './libc.ts';

const SCHED_RR = 2;
/** What this process starts (nft, ip) runs as everything else does. */
const SCHED_RESET_ON_FORK = 0x40000000;
/** The least of them: before all ordinary programs, and after whatever else is real-time. */
const PRIORITY = 1;
const NICE = -19;

export type Priority =
  | { readonly kind: 'real-time' }
  | { readonly kind: 'nice'; readonly why: string }
  | { readonly kind: 'none'; readonly why: string };

/**
 * Puts the calling thread, which runs JavaScript, before ordinary programs: real-time (SCHED_RR) with CAP_SYS_NICE or a
 * limit RLIMIT_RTPRIO, otherwise by nice. Never throws: `why` says what the kernel answered.
 */
export function raisePriority(): Priority {
  const parameter = new Uint8Array(4);
  new DataView(parameter.buffer).setInt32(0, PRIORITY, true);
  // The running program has the library already: its name differs between glibc and musl.
  const schedule = koffi.load(null).func('int sched_setscheduler(int, int, const void *)');
  const result = schedule(0, SCHED_RR | SCHED_RESET_ON_FORK, parameter) as number;
  if (result === 0) return { kind: 'real-time' };
  const why = errnoName(koffi.errno());
  try {
    setPriority(NICE);
    return { kind: 'nice', why };
  } catch {
    return { kind: 'none', why };
  }
}

/**
 * Whether a router has lost its mappings, judged from what it lets slip: epochs in answers, announcements nobody asked
 * for, and boot ids. Only judges; what follows is for the gateway to do.
 */
import type { Milliseconds } from '../../model/time.ts';
import { isNatPmpEpochValid } from '../../protocols/natpmp/epoch.ts';
import { isPcpEpochValid, type EpochSample } from '../../protocols/pcp/epoch.ts';
import type { SsdpNotify } from '../../protocols/ssdp/message.ts';

type EpochMethod = 'pcp' | 'nat-pmp';

/**
 * An announcement is repeated nine times with pauses that double from 250 ms (RFC 6887 §14.1.1, RFC 6886 §3.2.1): when
 * that is, counted from the first. miniupnpd sends it once.
 */
const REPEATED_AFTER: readonly Milliseconds[] = Array.from({ length: 9 }, (_, i) => 250 * (2 ** (i + 1) - 1));
const TOLERANCE: Milliseconds = 60;

export class RouterMemory {
  readonly #answers = new Map<EpochMethod, EpochSample>();
  /** The first of the series under way. */
  readonly #announcements = new Map<EpochMethod, EpochSample>();
  #bootId: number | undefined;
  #location: string | undefined;

  /** An answer to one of us. @returns whether the router restarted since the last one. */
  answered(method: EpochMethod, sample: EpochSample): boolean {
    const previous = this.#answers.get(method);
    this.#answers.set(method, sample);
    return previous !== undefined && !continues(method, previous, sample);
  }

  /**
   * An announcement. @returns whether it means a restart. Routers announce when they start or get a new address, and
   * some count their epoch from the start of the machine instead: so whatever is no repetition counts.
   */
  announced(method: EpochMethod, sample: EpochSample): boolean {
    const first = this.#announcements.get(method);
    const repeated = first !== undefined && isRepetition(sample.at - first.at) && continues(method, first, sample);
    if (!repeated) this.#announcements.set(method, sample);
    this.#answers.set(method, sample);
    return !repeated;
  }

  /** What a search found. */
  found(location: string, bootId: number | undefined): void {
    this.#location = location;
    this.#bootId = bootId ?? this.#bootId;
  }

  /** A notification that the device is there. @returns whether it is another than the one known. */
  notified({ change, bootId, nextBootId, location }: SsdpNotify): boolean {
    if (change === 'update') {
      this.#bootId = nextBootId ?? this.#bootId;
      return true;
    }
    const known = { bootId: this.#bootId, location: this.#location };
    this.#bootId = bootId ?? known.bootId;
    this.#location = location ?? known.location;
    if (bootId !== undefined && known.bootId !== undefined) return bootId !== known.bootId;
    // Without boot ids, a port that moved is the only sign.
    return bootId === undefined && known.location !== undefined && this.#location !== known.location;
  }
}

function isRepetition(elapsed: Milliseconds): boolean {
  return (
    elapsed < TOLERANCE || REPEATED_AFTER.some((after) => Math.abs(elapsed - after) < Math.max(TOLERANCE, after / 10))
  );
}

function continues(method: EpochMethod, previous: EpochSample, next: EpochSample): boolean {
  return method === 'pcp' ? isPcpEpochValid(previous, next) : isNatPmpEpochValid(previous, next);
}

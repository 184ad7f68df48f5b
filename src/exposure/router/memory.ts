/**
 * Whether a router has lost its mappings, judged from what it lets slip: epochs in answers, announcements nobody asked
 * for, and boot ids. Only judges; what follows is for the gateway to do.
 */
import { isNatPmpEpochValid } from '../../protocols/natpmp/epoch.ts';
import { isPcpEpochValid, type EpochSample } from '../../protocols/pcp/epoch.ts';
import type { SsdpNotify } from '../../protocols/ssdp/message.ts';

type EpochMethod = 'pcp' | 'nat-pmp';

export class RouterMemory {
  readonly #answers = new Map<EpochMethod, EpochSample>();
  #bootId: number | undefined;
  #location: string | undefined;

  /** An answer to one of us. @returns whether the router restarted since the last one. */
  answered(method: EpochMethod, sample: EpochSample): boolean {
    const previous = this.#answers.get(method);
    this.#answers.set(method, sample);
    return previous !== undefined && !continues(method, previous, sample);
  }

  /** An announcement: the answers that follow are measured against it. */
  announced(method: EpochMethod, sample: EpochSample): void {
    this.#answers.set(method, sample);
  }

  /** What a search found. */
  found(location: string, bootId: number | undefined): void {
    this.#location = placeOf(location);
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
    this.#location = location === undefined ? known.location : placeOf(location);
    if (bootId !== undefined && known.bootId !== undefined) return bootId !== known.bootId;
    // Without boot ids, a port that moved is the only sign.
    return bootId === undefined && known.location !== undefined && this.#location !== known.location;
  }
}

/** Without the address: the same device has one of each family. */
function placeOf(location: string): string {
  if (!URL.canParse(location)) return location;
  const { port, pathname } = new URL(location);
  return `${port}${pathname}`;
}

function continues(method: EpochMethod, previous: EpochSample, next: EpochSample): boolean {
  return method === 'pcp' ? isPcpEpochValid(previous, next) : isNatPmpEpochValid(previous, next);
}

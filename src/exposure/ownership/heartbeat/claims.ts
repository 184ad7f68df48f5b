/**
 * What one peer claims, as far as it was heard. Its beats tell how many claims it has and a digest of them all: where
 * these fit nothing was missed; where they do not, it is asked to tell all, and what it does not tell again is no more.
 */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import { claimDigest, type Heartbeat } from '../../../protocols/heartbeat/message.ts';

/** More addresses than a home has by far. */
export const MAX_CLAIMS = 4096;
/** All claims are told within a second; one that began to change meanwhile is asked again. */
const ROUND: Milliseconds = 1500;
/** The same through others. */
const RELAY_ROUND: Milliseconds = 3000;

/** Claims with the digest of them. */
class Tally {
  readonly claims = new Map<Ip, number>();
  digest = 0;

  /** @returns whether that is news. */
  set(address: Ip, term: number): boolean {
    const before = this.claims.get(address);
    if (before === term) return false;
    if (before !== undefined) this.digest ^= claimDigest(address, before);
    else if (this.claims.size >= MAX_CLAIMS) return false;
    this.claims.set(address, term);
    this.digest ^= claimDigest(address, term);
    return true;
  }

  delete(address: Ip): boolean {
    const before = this.claims.get(address);
    if (before === undefined) return false;
    this.digest ^= claimDigest(address, before);
    return this.claims.delete(address);
  }

  fits({ claimCount, claimDigest: digest }: Heartbeat): boolean {
    return this.claims.size === claimCount && this.digest >>> 0 === digest;
  }
}

export class PeerClaims {
  #all = new Tally();
  #told: { readonly tally: Tally; readonly since: Milliseconds } | undefined;
  #relayed: { readonly told: Set<Ip>; readonly since: Milliseconds } | undefined;
  #synced = false;

  /** Whether all its claims are known, as of its last beat. */
  get isSynced(): boolean {
    return this.#synced;
  }

  get(address: Ip): number | undefined {
    return this.#all.claims.get(address);
  }

  addresses(): Ip[] {
    return [...this.#all.claims.keys()];
  }

  entries(): IterableIterator<[Ip, number]> {
    return this.#all.claims.entries();
  }

  /** @returns the addresses whose claim changed, or came, or went. */
  hear(beat: Heartbeat, now: Milliseconds): Ip[] {
    const changed: Ip[] = [];
    this.#relayed = undefined;
    for (const address of beat.dropped) {
      if (this.#all.delete(address)) changed.push(address);
      this.#told?.tally.delete(address);
    }
    for (const { address, term } of beat.claims) {
      if (this.#all.set(address, term)) changed.push(address);
      this.#told?.tally.set(address, term);
    }
    this.#synced = this.#all.fits(beat);
    if (this.#synced) this.#told = undefined;
    else this.#compare(beat, now, changed);
    return changed;
  }

  /** What a third one says that it claims. @returns whether that is news. */
  hearRelayed(address: Ip, term: number): boolean {
    this.#synced = false;
    this.#relayed?.told.add(address);
    return (this.get(address) ?? -1) < term && this.#all.set(address, term);
  }

  /**
   * While it is heard through others only: forgets what they do not tell again in time.
   * @returns what was forgotten
   */
  expireRelayed(now: Milliseconds): Ip[] {
    this.#relayed ??= { told: new Set(), since: now };
    const { told, since } = this.#relayed;
    if (now - since < RELAY_ROUND) return [];
    this.#relayed = { told: new Set(), since: now };
    return this.addresses().filter((address) => !told.has(address) && this.#all.delete(address));
  }

  /** @returns what it had. */
  clear(): Ip[] {
    const addresses = this.addresses();
    this.#all = new Tally();
    this.#told = undefined;
    this.#relayed = undefined;
    this.#synced = false;
    return addresses;
  }

  #compare(beat: Heartbeat, now: Milliseconds, changed: Ip[]): void {
    if (!this.#told || now - this.#told.since > ROUND) {
      this.#told = { tally: new Tally(), since: now };
      for (const { address, term } of beat.claims) this.#told.tally.set(address, term);
    }
    const { tally } = this.#told;
    if (!tally.fits(beat)) return;
    for (const address of this.#all.claims.keys()) if (!tally.claims.has(address)) changed.push(address);
    this.#all = tally;
    this.#told = undefined;
    this.#synced = true;
  }
}

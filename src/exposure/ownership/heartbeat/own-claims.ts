/** What this node claims, with the digest of it all and what of it the others have not been told. */
import type { Ip } from '../../../model/ip.ts';
import { claimDigest, type AddressClaim } from '../../../protocols/heartbeat/message.ts';
import type { AddressState } from './address-state.ts';

export class OwnClaims {
  readonly #states = new Map<Ip, AddressState>();
  readonly #changed = new Set<Ip>();
  readonly #dropped = new Set<Ip>();
  #digest = 0;

  get count(): number {
    return this.#states.size;
  }

  get digest(): number {
    return this.#digest >>> 0;
  }

  get hasNews(): boolean {
    return this.#changed.size > 0 || this.#dropped.size > 0;
  }

  get(address: Ip): AddressState | undefined {
    return this.#states.get(address);
  }

  addresses(): IterableIterator<Ip> {
    return this.#states.keys();
  }

  states(): IterableIterator<AddressState> {
    return this.#states.values();
  }

  add(state: AddressState, term: number): void {
    const { address } = state;
    this.#states.set(address, state);
    this.#digest ^= claimDigest(address, term);
    this.#changed.add(address);
    this.#dropped.delete(address);
  }

  remove({ address }: AddressState, term: number): void {
    this.#states.delete(address);
    this.#digest ^= claimDigest(address, term);
    this.#changed.delete(address);
    this.#dropped.add(address);
  }

  /** Somebody may not know. */
  tellAgain(address: Ip): void {
    this.#changed.add(address);
  }

  tellAllAgain(): void {
    for (const address of this.#states.keys()) this.#changed.add(address);
  }

  list(addresses: Iterable<Ip>): AddressClaim[] {
    const claims: AddressClaim[] = [];
    for (const address of addresses) {
      const term = this.#states.get(address)?.own?.term;
      if (term !== undefined) claims.push({ address, term });
    }
    return claims;
  }

  /** What is new since the last time. */
  takeNews(): { changed: AddressClaim[]; dropped: Ip[] } {
    const news = { changed: this.list(this.#changed), dropped: [...this.#dropped] };
    this.#changed.clear();
    this.#dropped.clear();
    return news;
  }
}

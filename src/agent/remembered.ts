/**
 * Serves addresses that were wanted in the last run, while no Service can be asked for: an agent that starts when there is
 * no API server. Nothing here outlives the moment at which the Services are known.
 */
import type { ClaimedAddress } from '../exposure/claims.ts';
import type { Announcement } from '../exposure/announcement/port.ts';
import { isMine } from '../exposure/ownership/is-mine.ts';
import type { Owner, Ownership } from '../exposure/ownership/port.ts';
import type { Decision } from '../model/decision.ts';
import type { Ip } from '../model/ip.ts';

export interface RememberedOptions {
  readonly addresses: readonly ClaimedAddress[];
  readonly ownership: Pick<Ownership, 'ensure' | 'release' | 'liveNodes'>;
  readonly announcement: Pick<Announcement, 'ensure' | 'release' | 'cede'>;
}

export class Remembered {
  readonly #options: RememberedOptions;
  readonly #addresses: Map<Ip, ClaimedAddress>;

  constructor(options: RememberedOptions) {
    this.#options = options;
    this.#addresses = new Map(options.addresses.map((address) => [address.ip, address]));
  }

  has(ip: Ip): boolean {
    return this.#addresses.has(ip);
  }

  /** Brings one address, or all, in line with who owns it now. */
  look(ip?: Ip): void {
    for (const address of ip === undefined ? this.#addresses.values() : [this.#addresses.get(ip)])
      if (address) this.#settle(address);
  }

  /** Lets go of what no Service turned out to want. */
  end(isClaimed: (ip: Ip) => boolean): void {
    const { ownership, announcement } = this.#options;
    for (const ip of this.#addresses.keys()) {
      this.#addresses.delete(ip);
      if (isClaimed(ip)) continue;
      announcement.release(ip);
      ownership.release(ip);
    }
  }

  #settle({ ip, link, leader }: ClaimedAddress): void {
    const { announcement } = this.#options;
    const owner = this.#ownerOf(ip);
    // Nobody here knows whether a Service still has it: against a machine that uses it nothing is defended.
    if (isMine(owner)) announcement.ensure({ ip, ...(link === undefined ? {} : { link }), onConflict: 'yield' });
    else if (owner.state === 'ready') announcement.cede(ip);
    else announcement.release(ip);
    if (leader !== undefined) return;
    for (const follower of this.#addresses.values()) if (follower.leader === ip) this.#settle(follower);
  }

  #ownerOf(ip: Ip): Decision<Owner> {
    const { ownership } = this.#options;
    const { leader, nodes } = this.#addresses.get(ip) ?? {};
    const leading = leader === undefined || !this.#addresses.has(leader) ? undefined : this.#ownerOf(leader);
    if (leading) return ownership.ensure(ip, leading.state === 'ready' ? [leading.value.node] : []);
    const live = ownership.liveNodes();
    return ownership.ensure(ip, nodes ? live.filter((node) => nodes.includes(node)) : live);
  }
}

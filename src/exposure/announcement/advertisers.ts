/** One advertiser for each link, as long as there is an address on it. */
import type { Link } from '../../model/wire.ts';
import type { Advertiser } from './advertiser.ts';

export interface Advertisers {
  /** @throws what opening it throws */
  on(link: Link): Advertiser;
  /** Closes those that nobody uses. */
  prune(used: Iterable<Advertiser | undefined>): void;
}

export function createAdvertisers(open: (link: Link) => Advertiser): Advertisers {
  const opened = new Set<Advertiser>();
  return {
    on: (link) => {
      for (const known of opened) if (known.link.index === link.index && known.link.mac === link.mac) return known;
      const advertiser = open(link);
      opened.add(advertiser);
      return advertiser;
    },
    prune: (used) => {
      const kept = new Set(used);
      for (const advertiser of opened) {
        if (kept.has(advertiser)) continue;
        advertiser.close();
        opened.delete(advertiser);
      }
    },
  };
}

/** One advertiser for each link and family, as long as there is an address for it. */
import type { Family } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';
import { ARP } from '../../protocols/arp/dialect.ts';
import { NDP } from '../../protocols/ndp/dialect.ts';
import { createAdvertiser, type Advertiser, type AdvertiserOptions } from './advertiser.ts';

export interface Advertisers {
  /** @throws what opening it throws */
  on(link: Link, family: Family): Advertiser;
  /** Closes those that nobody uses. */
  prune(used: Iterable<Advertiser | undefined>): void;
}

export function createAdvertisers(optionsFor: (link: Link) => AdvertiserOptions): Advertisers {
  const opened = new Set<Advertiser>();
  const open = (link: Link, family: Family): Advertiser =>
    family === 4 ? createAdvertiser(4, ARP, optionsFor(link)) : createAdvertiser(6, NDP, optionsFor(link));
  return {
    on: (link, family) => {
      for (const known of opened) {
        if (known.family === family && isSame(known.link, link)) return known;
      }
      const advertiser = open(link, family);
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

function isSame(a: Link, b: Link): boolean {
  return a.index === b.index && a.mac === b.mac && a.name === b.name;
}

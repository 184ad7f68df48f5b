/** Speaks for addresses on one link. One implementation for each family. */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Link, Network } from '../../model/wire.ts';

export interface Advertiser {
  /** The link as it was when this was made: another MAC or index needs another advertiser. */
  readonly link: Link;
  /** Tells everyone that the address is here. */
  announce(ip: Ip): void;
  close(): void;
}

export interface AdvertiserOptions {
  readonly network: Network;
  readonly link: Link;
  /** Whether a question for this address is to be answered here and now. */
  readonly answers: (ip: Ip) => boolean;
  /** Some machine, perhaps this one by another link, says that it has an address. */
  readonly onClaim: (ip: Ip, mac: Mac) => void;
}

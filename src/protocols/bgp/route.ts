/** A route as its owner wants it told, before a session makes attributes of it. */
import type { Community, LargeCommunity } from './community.ts';
import type { Prefix } from './prefix.ts';

export interface Route {
  readonly prefix: Prefix;
  /** How often the own AS stands in the path besides the once that it has to (eBGP only). */
  readonly prepend?: number;
  readonly med?: number;
  /** iBGP only; default 100. */
  readonly localPref?: number;
  readonly communities?: readonly Community[];
  readonly largeCommunities?: readonly LargeCommunity[];
}

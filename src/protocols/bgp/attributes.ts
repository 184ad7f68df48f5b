/** What an UPDATE says about all of its routes. */
import type { AsPath } from './as-path.ts';
import type { Community, LargeCommunity } from './community.ts';

export const ORIGINS = ['igp', 'egp', 'incomplete'] as const;
export type Origin = (typeof ORIGINS)[number];

export interface PathAttributes {
  readonly origin?: Origin;
  readonly asPath?: AsPath;
  /** MULTI_EXIT_DISC: less is better. */
  readonly med?: number;
  /** Only within an AS: more is better. */
  readonly localPref?: number;
  readonly communities?: readonly Community[];
  readonly largeCommunities?: readonly LargeCommunity[];
}

/** Addresses by BGP, as the router and those beyond it have them: how soon, how many, and what is lost when a node goes. */
import type { BenchRow } from '../harness.ts';
import { bfdFalse } from './bfd-false.ts';
import { firstRoute } from './first-route.ts';
import { bfdPowerOff, sigtermLost } from './outages.ts';
import { rss1000 } from './rss.ts';
import { thousandRoutes } from './thousand-routes.ts';

export const rows: readonly BenchRow[] = [firstRoute, thousandRoutes, bfdPowerOff, bfdFalse, sigtermLost, rss1000];

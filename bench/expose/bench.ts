/** From a Service to an address that answers, and from a command line to its answer. */
import type { BenchRow } from '../harness.ts';
import { agentRss100, agentRss1000, idleCpu100 } from './agent-cost.ts';
import { churnRow } from './churn-row.ts';
import { cliHelp, cliVersion } from './cli-start.ts';
import { dhcpOverServer } from './dhcp-over-server.ts';
import { dhcpDefaultServer, dhcpWarm } from './dhcp-warm.ts';
import { poolFirstArp } from './pool-first-arp.ts';
import { routerRestored } from './router-restored.ts';

export const rows: readonly BenchRow[] = [
  poolFirstArp,
  dhcpOverServer,
  dhcpWarm,
  dhcpDefaultServer,
  cliVersion,
  cliHelp,
  churnRow,
  routerRestored,
  agentRss100,
  agentRss1000,
  idleCpu100,
];

/** How long an address is away, and how often two have it: everything that happens to nodes, done to them. */
import type { BenchRow } from '../harness.ts';
import { sigkill, sigstop } from './agent-faults.ts';
import { apiDown } from './api-down.ts';
import { deadEndpoints, quorumLost } from './dead-endpoints.ts';
import { falseFailovers } from './false-failovers.ts';
import { handover, handoverSigterm } from './handover.ts';
import { heal } from './partition.ts';
import { powerOffDefault, powerOffFast, yardstick } from './power-off.ts';
import { steady, thousand } from './thousand.ts';

export const rows: readonly BenchRow[] = [
  yardstick,
  powerOffDefault,
  powerOffFast,
  handover,
  handoverSigterm,
  sigkill,
  sigstop,
  apiDown,
  heal,
  thousand,
  steady,
  deadEndpoints,
  quorumLost,
  falseFailovers,
];

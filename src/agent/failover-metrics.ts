/** How often addresses came to this node from another one, and how long they were away. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { FailoverRecord } from '../model/failover-record.ts';

/** Seconds: from a hand-over without a gap to a Lease that has to run out. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

export function createFailoverMetrics(registry: Registry): (record: FailoverRecord) => void {
  const registers = [registry];
  const labelNames = ['cause'];
  const count = new Counter({
    name: 'kubevip_failovers_total',
    help: 'Times addresses of another node came to this one, by what had become of that node',
    labelNames,
    registers,
  });
  const seconds = new Histogram({
    name: 'kubevip_failover_seconds',
    help: 'From the last sign of life of the node that had the addresses (death), or from its giving them away, until the LAN was told of the last of them',
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  return ({ cause, seconds: took }) => {
    count.inc({ cause });
    seconds.observe({ cause }, took);
  };
}

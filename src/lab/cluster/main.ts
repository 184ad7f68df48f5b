/**
 * The workloads of a lab, as a process: `main --lab ID --nodes n1,n2 --grace MS [--ipv6]`, KUBECONFIG in the environment.
 * Prints one line `ready` when every node is registered.
 */
import { parseArgs } from 'node:util';
import { connect } from '../../kube/client.ts';
import { createSystemClock } from '../../linux/clock.ts';
import { systemEntropy } from '../../linux/entropy.ts';
import { messageOf } from '../../model/errors.ts';
import { labPaths } from '../layout.ts';
import { Workloads } from './workloads.ts';

async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      lab: { type: 'string' },
      nodes: { type: 'string' },
      grace: { type: 'string' },
      ipv6: { type: 'boolean' },
    },
  });
  const clock = createSystemClock();
  const log = (line: string): void => void process.stdout.write(`${clock.wall().toISOString()} ${line}\n`);
  const workloads = new Workloads({
    cluster: connect({ env: process.env, userAgent: 'kubevip-lab' }),
    paths: labPaths(values.lab ?? 'lab'),
    nodes: (values.nodes ?? '').split(',').filter((node) => node !== ''),
    ipv6: values.ipv6 === true,
    graceMs: Number(values.grace ?? 2000),
    clock,
    entropy: systemEntropy,
    log,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void workloads.stop().then(() => process.exit(0)));
  }
  // The clock's timers keep nothing alive, and all else may be waiting for one.
  setInterval(() => undefined, 2 ** 30);
  await workloads.start();
  process.stdout.write('ready\n');
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  });
}

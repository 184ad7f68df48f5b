/**
 * The embedded API server as a process:
 * `main.ts --data DIR --listen SPEC [--listen SPEC…] --kubeconfig-out DIR [--audit FILE]
 * [--service-cluster-ip-range CIDR[,CIDR]]`.
 * Prints `ready` when it serves; SIGTERM and SIGINT stop it.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, KubevipError, messageOf } from '../../model/errors.ts';
import { parseListenSpec } from './listen.ts';
import { writePrivate } from './files.ts';
import { parseServiceRanges } from './registry/service/ranges.ts';
import { startApiServer } from './server.ts';

const USAGE =
  'usage: main.ts --data DIR --listen SPEC [--listen SPEC] --kubeconfig-out DIR [--audit FILE] ' +
  '[--service-cluster-ip-range CIDR[,CIDR]]';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      listen: { type: 'string', multiple: true },
      'kubeconfig-out': { type: 'string' },
      audit: { type: 'string' },
      'service-cluster-ip-range': { type: 'string' },
    },
  });
  const { data, listen = [], audit } = values;
  const out = values['kubeconfig-out'];
  const ranges = values['service-cluster-ip-range'];
  if (data === undefined || out === undefined || listen.length === 0) {
    throw new KubevipError(USAGE, { code: 'USAGE', exit: EXIT.usage });
  }
  const server = await startApiServer({
    dataDirectory: data,
    listen: listen.map(parseListenSpec),
    ...(audit === undefined ? {} : { auditFile: audit }),
    ...(ranges === undefined ? {} : { network: { clusterCidrs: parseServiceRanges(ranges) } }),
  });
  writePrivate(join(out, 'admin.kubeconfig'), server.kubeconfig());
  const agent = { url: server.urls[1] ?? server.url, user: 'kubevip', token: server.tokens.agent };
  writePrivate(join(out, 'agent.kubeconfig'), server.kubeconfig(agent));
  const stop = (): void => {
    void server.stop().then(() => process.exit(EXIT.ok));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write('ready\n');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`kubevip lab API server: ${messageOf(error)}\n`);
  for (const hint of error instanceof KubevipError ? error.hints : []) process.stderr.write(`  ${hint}\n`);
  process.exitCode = error instanceof KubevipError ? error.exit : EXIT.bug;
}

/**
 * The kubelet of a node: static pods, TLS bootstrap, the Node with its Lease, mirror pods, and pods that the API gives
 * to this node. Ends at once without a configuration, as the real one does until kubeadm has written it.
 */
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { text, type Doc } from '../cli/config.ts';
import { KUBELET_CONFIG, KUBELET_FLAGS, MANIFESTS } from '../cli/paths.ts';
import { readFacts } from './facts.ts';
import { NodeAgent } from './node-agent.ts';
import { nameOf, podHash, specOf } from './pod.ts';
import { PodRunner } from './pod-runner.ts';

const EVERY_MS = 100;
const HEALTH_PORT = 10_248;
const KUBELET_PORT = 10_250;

function log(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

if (!existsSync(KUBELET_CONFIG)) {
  log(`failed to load kubelet config file, path: ${KUBELET_CONFIG}`);
  process.exit(1);
}

const facts = readFacts();
const config = parse(readFileSync(KUBELET_CONFIG, 'utf8')) as Doc;
const folder = text(config, 'staticPodPath', MANIFESTS);
const flags = readFlags();
const agent = new NodeAgent(facts, flags, log);
const runner = new PodRunner(async (pod, id) => specOf(pod, id, facts, await agent.accountOf(pod)));

function readFlags(): ReadonlyMap<string, string> {
  const line = existsSync(KUBELET_FLAGS) ? readFileSync(KUBELET_FLAGS, 'utf8') : '';
  const value = /^KUBELET_KUBEADM_ARGS=(".*")$/m.exec(line)?.[1] ?? '""';
  const words = (JSON.parse(value) as string).split(' ').filter(Boolean);
  return new Map(words.map((word) => [word.replace(/^--/, '').split('=')[0] ?? '', word.slice(word.indexOf('=') + 1)]));
}

const broken = new Set<string>();

/** By a key that holds the content, so that a changed manifest is another pod. */
function staticPods(): Map<string, Doc> {
  const found = new Map<string, Doc>();
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    // As the real one: hidden files are none of its business.
    if (name.startsWith('.')) continue;
    try {
      const pod = parse(readFileSync(join(folder, name), 'utf8')) as Doc | null;
      if (pod?.['kind'] !== 'Pod') continue;
      found.set(`static/${nameOf(pod)}/${podHash(pod)}`, pod);
      broken.delete(name);
    } catch (error) {
      if (!broken.has(name)) log(`${name} cannot be read: ${(error as Error).message}`);
      broken.add(name);
    }
  }
  return found;
}

createServer((request, response) => {
  response.writeHead(request.url === '/healthz' ? 200 : 404).end('ok');
}).listen(HEALTH_PORT, '127.0.0.1');
createTcpServer((socket) => socket.destroy()).listen(KUBELET_PORT, '::');

// As the real one does, and leaves so.
for (const [key, value] of [
  ['vm/overcommit_memory', '1'],
  ['kernel/panic', '10'],
  ['kernel/panic_on_oops', '1'],
] as const) {
  writeFileSync(`/proc/sys/${key}`, `${value}\n`);
}

let turning = false;
setInterval(() => {
  if (turning) return;
  turning = true;
  const fixed = staticPods();
  const wanted = new Map([...fixed, ...agent.pods()]);
  runner
    .sync(wanted)
    .then(() => agent.report(fixed, (key) => runner.state(key)))
    .catch((error: unknown) => log(String((error as Error).stack)))
    .finally(() => (turning = false));
}, EVERY_MS);
// Containers go on without a kubelet.
process.on('SIGTERM', () => process.exit(0));
agent.start();
log(`started for node ${agent.nodeName}`);

/**
 * The balancer of one node with its real parts: `balancer-node.ts KUBECONFIG VIPS BACKENDS [PORT]`, the lists with commas.
 * Says its state on each change. SIGTERM: leaves; SIGHUP: the VIP goes to another node; SIGUSR1: a node may have died.
 */
import { Balancer } from '../../src/exposure/control-plane/balance/balancer.ts';
import { createBackendProbes } from '../../src/kube/backend-probes.ts';
import { loadCredentials } from '../../src/kube/credentials.ts';
import { forwards } from '../../src/linux/forwarding.ts';
import { createSpreadTable } from '../../src/linux/spread-table.ts';
import { handshakes } from '../../src/linux/tcp-handshake.ts';
import { ip } from '../../src/model/ip.ts';
import { networkInterfaces } from 'node:os';
import { realClock } from './real-time.ts';

const [kubeconfig = '', vips = '', backends = '', port = '6443'] = process.argv.slice(2);
const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
const held = vips.split(',').map((text) => ({ ip: ip(text), link: 'eth0' }));

const balancer = new Balancer({
  clock: realClock,
  probes: createBackendProbes(loadCredentials({ kubeconfig, env: {} }), (backend, timeout) =>
    handshakes(backend, timeout),
  ),
  table: createSpreadTable(),
  port: Number(port),
  herePort: 6443,
  interval: 1000,
  candidates: () => backends.split(',').map((text) => ({ ip: ip(text), port: 6443, here: own.includes(text) })),
  forwards: (family, link) => forwards(family, link),
  onChange: () => process.stdout.write(`${balancer.state.reason}: ${balancer.state.message}\n`),
  onError: (error) => process.stdout.write(`${String(error)}\n`),
});
setInterval(() => undefined, 2 ** 30);
process.on('SIGHUP', () => balancer.hold([]));
process.on('SIGUSR1', () => balancer.doubt());
process.on('SIGTERM', () => void balancer.stop().then(() => process.exit(0)));
balancer.start(held.map((one) => one.ip));
balancer.hold(held);

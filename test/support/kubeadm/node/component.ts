/**
 * A part of the control plane, as a process of the node: etcd, kube-apiserver, kube-controller-manager or
 * kube-scheduler with the arguments of its manifest. It listens where the real one would, on this node, and passes
 * connections on to the process of the cluster as long as it lives; what happens to the node happens to it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onLines, sendLine } from '../cluster/lines.ts';
import type { Hello, Order, Peer } from '../cluster/messages.ts';
import { readFacts } from './facts.ts';

const PROBE_MS = 200;
/** Beyond it a peer counts as not to be reached. */
const PROBE_TIMEOUT_MS = 400;

const facts = readFacts();
const [program = '', ...args] = process.argv.slice(2);
const flags = new Map(
  args.map((arg) => {
    const [name = '', ...value] = arg.replace(/^--/, '').split('=');
    return [name, value.join('=')] as const;
  }),
);
const flag = (name: string): string => flags.get(name) ?? '';
const file = (name: string): string => {
  try {
    return readFileSync(flag(name), 'utf8');
  } catch (error) {
    fail(`--${name}: ${(error as Error).message}`);
  }
};

function fail(why: string): never {
  process.stderr.write(`${program}: ${why}\n`);
  process.exit(1);
}

const idFile = join(flag('data-dir'), 'member', 'stand-in.json');

function hello(): Hello {
  const { name: node } = facts;
  switch (program) {
    case 'etcd':
      return {
        role: 'etcd',
        node,
        name: flag('name'),
        peerUrl: flag('initial-advertise-peer-urls'),
        clientUrl: flag('advertise-client-urls'),
        initialCluster: flag('initial-cluster'),
        existing: flag('initial-cluster-state') === 'existing',
        data: existsSync(idFile)
          ? (JSON.parse(readFileSync(idFile, 'utf8')) as { cluster: string; member: string })
          : undefined,
        tls: { cert: file('cert-file'), key: file('key-file'), clientCa: file('trusted-ca-file') },
      };
    case 'kube-apiserver':
      return {
        role: 'kube-apiserver',
        node,
        version: facts.version,
        advertiseAddress: flag('advertise-address'),
        port: Number(flag('secure-port')),
        serviceRange: flag('service-cluster-ip-range'),
        accountKey: file('service-account-signing-key-file'),
        tls: { cert: file('tls-cert-file'), key: file('tls-private-key-file'), clientCa: file('client-ca-file') },
      };
    case 'kube-controller-manager':
      return {
        role: 'kube-controller-manager',
        node,
        signing: { cert: file('cluster-signing-cert-file'), key: file('cluster-signing-key-file') },
        podRange: flag('cluster-cidr'),
      };
    case 'kube-scheduler':
      return { role: 'kube-scheduler', node };
    default:
      fail('no such component');
  }
}

/** Address and port of every place to listen on. */
function places(): { host: string; port: number }[] {
  switch (program) {
    case 'etcd':
      return flag('listen-client-urls')
        .split(',')
        .map((text) => new URL(text))
        .map(({ hostname, port }) => ({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }));
    case 'kube-apiserver':
      return [{ host: '::', port: Number(flag('secure-port')) }];
    case 'kube-controller-manager':
      return [{ host: '127.0.0.1', port: 10_257 }];
    default:
      return [{ host: '127.0.0.1', port: 10_259 }];
  }
}

function serve(socketPath: string): void {
  for (const { host, port } of places()) {
    const server = createServer((outside) => {
      const inside = connect(socketPath);
      outside.setNoDelay(true);
      // Whichever ends first takes the other along.
      for (const [one, other] of [
        [outside, inside],
        [inside, outside],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
        one.pipe(other);
      }
    });
    server.on('error', (error) => fail(`listen tcp ${host}:${port}: ${error.message}`));
    server.listen({ host, port });
  }
}

let peers: readonly Peer[] = [];
let reached = '';

/** Members of etcd talk to each other, so who cannot be reached over the network does not count. */
function meetPeers(control: Socket): void {
  const { hostname, port } = new URL(flag('listen-peer-urls'));
  const server = createServer((socket) => socket.on('error', () => undefined).end());
  server.on('error', (error) => fail(`listen peers: ${error.message}`));
  server.listen({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
  const round = async (): Promise<void> => {
    const answers = await Promise.all(peers.map(async (peer) => ((await reaches(peer)) ? [peer.member] : [])));
    const members = answers.flat();
    const text = JSON.stringify(members);
    if (text !== reached) sendLine(control, { type: 'reach', members });
    reached = text;
    setTimeout(() => void round(), PROBE_MS);
  };
  void round();
}

async function reaches({ host, port }: Peer): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => done(false));
    socket.on('connect', () => done(true));
    socket.on('error', () => done(false));
  });
}

const control = connect(facts.control);
control.on('connect', () => sendLine(control, hello()));
control.on('close', () => fail('lost the process of the cluster'));
onLines(control, (message) => {
  const order = message as Order;
  switch (order.type) {
    case 'refuse':
      fail(order.why);
      break;
    case 'peers':
      peers = order.peers;
      break;
    case 'serve':
      if (order.data !== undefined) {
        mkdirSync(join(flag('data-dir'), 'member'), { recursive: true, mode: 0o700 });
        writeFileSync(idFile, JSON.stringify(order.data), { mode: 0o600 });
        meetPeers(control);
      }
      serve(order.socket);
      break;
  }
});
process.on('SIGTERM', () => process.exit(0));

/**
 * The process in which clusters live: `main.ts --folder DIR --control SOCKET`. Components on nodes connect to the
 * socket and say what they are; while they are connected, what they stand for runs. Prints `ready`.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { servingCertificate } from '../../../../src/lab/apiserver/certificates.ts';
import { runControllers } from './controllers.ts';
import { apiServer, etcdServer, healthServer, openFrontend, type Frontend } from './frontends.ts';
import { Kubernetes } from './kubernetes.ts';
import { onLines, sendLine } from './lines.ts';
import type { ApiServerHello, EtcdHello, Hello, Report, Tls } from './messages.ts';

const { values } = parseArgs({ options: { folder: { type: 'string' }, control: { type: 'string' } } });
const folder = values.folder ?? '.';
const clusters = new Map<string, Kubernetes>();
const etcds = new Map<Socket, { readonly cluster: Kubernetes; readonly id: string; peers: string }>();
let serial = 0;

const socketPath = (): string => join(folder, `s${serial++}.sock`);
const newId = (): string => randomBytes(8).toString('hex');

function open(id: string): Kubernetes {
  const known = clusters.get(id);
  if (known !== undefined) return known;
  const path = join(folder, id);
  mkdirSync(path, { recursive: true });
  const cluster = new Kubernetes(id, path, tellPeers);
  clusters.set(id, cluster);
  runControllers(cluster);
  return cluster;
}

function tellPeers(): void {
  for (const [socket, etcd] of etcds) {
    const peers = etcd.cluster.etcd.peersOf(etcd.id);
    const text = JSON.stringify(peers);
    if (text === etcd.peers) continue;
    etcd.peers = text;
    sendLine(socket, { type: 'peers', peers });
  }
}

/** Which cluster and member this is: by its data, by the members that expect it, or a new one. */
function memberFor(hello: EtcdHello): { cluster: Kubernetes; id: string } | string {
  if (hello.data !== undefined) {
    const cluster = existsSync(join(folder, hello.data.cluster)) ? open(hello.data.cluster) : undefined;
    if (cluster?.etcd.member(hello.data.member) === undefined) {
      return 'the member has been permanently removed from the cluster';
    }
    return { cluster, id: hello.data.member };
  }
  if (!hello.existing) {
    const cluster = open(newId());
    return { cluster, id: cluster.etcd.found(hello.name, hello.peerUrl).id };
  }
  for (const cluster of clusters.values()) {
    const member = cluster.etcd.members.find(({ peerUrl }) => peerUrl === hello.peerUrl);
    const others = cluster.etcd.members.filter(({ peerUrl }) => hello.initialCluster.includes(peerUrl));
    if (member !== undefined && others.length > 0) return { cluster, id: member.id };
  }
  return `error validating peerURLs: member count is unequal, or ${hello.peerUrl} is not a member`;
}

async function serveEtcd(socket: Socket, hello: EtcdHello): Promise<void> {
  const found = memberFor(hello);
  if (typeof found === 'string') {
    sendLine(socket, { type: 'refuse', why: found });
    return;
  }
  const { cluster, id } = found;
  cluster.etcd.start(id, hello.node, hello.name, hello.clientUrl);
  etcds.set(socket, { cluster, id, peers: '' });
  const path = socketPath();
  const frontend = await openFrontend(path, hello.tls, true, etcdServer(cluster.etcd, id));
  onClose(socket, () => {
    frontend.close();
    etcds.delete(socket);
    cluster.etcd.stop(id);
  });
  sendLine(socket, { type: 'serve', socket: path, data: { cluster: cluster.etcd.id, member: id } });
  tellPeers();
}

/** The cluster of the etcd that runs on this node; an API server waits for it. */
async function clusterOn(socket: Socket, node: string): Promise<Kubernetes | undefined> {
  while (!socket.destroyed) {
    const found = [...clusters.values()].find((cluster) => cluster.etcd.memberOn(node) !== undefined);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

async function serveApi(socket: Socket, hello: ApiServerHello): Promise<void> {
  const cluster = await clusterOn(socket, hello.node);
  if (cluster === undefined) return;
  while (!cluster.canServe(hello.node)) {
    if (socket.destroyed) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  cluster.bootstrap(hello);
  cluster.apiServers.set(hello.node, hello);
  const watches = new Set<() => void>();
  const dispatcher = cluster.dispatcher(hello, (cut) => {
    watches.add(cut);
    return () => watches.delete(cut);
  });
  const path = socketPath();
  const frontend = await openFrontend(path, hello.tls, false, apiServer(cluster, hello.node, dispatcher));
  onClose(socket, () => {
    if (cluster.apiServers.get(hello.node) === hello) cluster.apiServers.delete(hello.node);
    for (const cut of [...watches]) cut();
    frontend.close();
  });
  sendLine(socket, { type: 'serve', socket: path });
}

let health: Promise<Tls> | undefined;

async function serveHealth(socket: Socket): Promise<Frontend> {
  health ??= servingCertificate(undefined, ['localhost', '127.0.0.1'], new Date()).then(({ ca, cert, key }) => ({
    cert,
    key,
    clientCa: ca,
  }));
  const path = socketPath();
  const frontend = await openFrontend(path, await health, false, healthServer);
  sendLine(socket, { type: 'serve', socket: path });
  return frontend;
}

/** Also when it has closed meanwhile. */
function onClose(socket: Socket, end: () => void): void {
  if (socket.destroyed) end();
  else socket.once('close', end);
}

async function meet(socket: Socket, hello: Hello): Promise<void> {
  switch (hello.role) {
    case 'etcd':
      await serveEtcd(socket, hello);
      return;
    case 'kube-apiserver':
      await serveApi(socket, hello);
      return;
    case 'kube-controller-manager': {
      const frontend = await serveHealth(socket);
      const cluster = await clusterOn(socket, hello.node);
      cluster?.managers.set(hello.node, hello);
      onClose(socket, () => {
        frontend.close();
        if (cluster?.managers.get(hello.node) === hello) cluster.managers.delete(hello.node);
      });
      return;
    }
    case 'kube-scheduler': {
      const frontend = await serveHealth(socket);
      onClose(socket, () => frontend.close());
      return;
    }
  }
}

for (const name of existsSync(folder) ? [] : [folder]) mkdirSync(name, { recursive: true, mode: 0o700 });
const control = values.control ?? join(folder, 'control.sock');
rmSync(control, { force: true });
createServer((socket) => {
  let known = false;
  onLines(socket, (message) => {
    if (!known) {
      known = true;
      meet(socket, message as Hello).catch((error: unknown) => {
        process.stderr.write(`${String((error as Error).stack)}\n`);
        sendLine(socket, { type: 'refuse', why: String(error) });
      });
      return;
    }
    const etcd = etcds.get(socket);
    etcd?.cluster.etcd.setReach(etcd.id, (message as Report).members);
  });
}).listen(control, () => process.stdout.write('ready\n'));
// Whoever started it holds the other end: when he is gone, nobody needs a cluster any more.
process.stdin.on('end', () => process.exit(0)).resume();

/**
 * What runs on a node besides the agent, in place of kubelet, container runtime and kube-proxy: small servers for the
 * pods, and nftables rules for the Services. Runs in the node's namespace as a child of the cluster process, and ends
 * with it.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { runOrThrow } from '../exec.ts';
import { messageOf } from '../../model/errors.ts';
import type { FromMachine, PodPort, PodToRun, ToMachine } from './messages.ts';

interface RunningPod {
  readonly pod: PodToRun;
  readonly servers: readonly (Server | Socket)[];
}

/** Serves until the channel to the parent is gone. `node`: for what the servers say. */
export function runMachine(node: string): void {
  const running = new Map<string, RunningPod>();
  let work = Promise.resolve();
  /** The newest that the kernel has not been given. */
  let ruleset: string | undefined;
  const say = (message: FromMachine): void => void process.send?.(message);
  process.on('message', (message: ToMachine) => {
    if (message.type === 'rules') {
      const isWaiting = ruleset !== undefined;
      ruleset = message.ruleset;
      if (isWaiting) return;
    }
    // One after the other: a later message is about the same kernel.
    work = work.then(async () => {
      try {
        if (message.type === 'rules') await setRules();
        else await setPods(message.pods);
      } catch (error) {
        say({ type: 'problem', message: messageOf(error) });
      }
    });
  });
  process.on('disconnect', () => process.exit(0));
  say({ type: 'hello' });

  /** Of a thousand Services that change one after the other only the last ruleset matters, and each takes its time. */
  async function setRules(): Promise<void> {
    const input = ruleset ?? '';
    ruleset = undefined;
    await runOrThrow(['nft', '-f', '-'], { input });
  }

  async function setPods(wanted: readonly PodToRun[]): Promise<void> {
    const uids = new Set(wanted.map(({ uid }) => uid));
    for (const [uid, pod] of running) if (!uids.has(uid)) await stop(uid, pod);
    const started = wanted.filter(({ uid }) => !running.has(uid));
    const results = await Promise.allSettled(started.map((pod) => start(pod)));
    say({ type: 'running', uids: [...running.keys()] });
    for (const result of results) {
      if (result.status === 'rejected') say({ type: 'problem', message: messageOf(result.reason) });
    }
  }

  async function start(pod: PodToRun): Promise<void> {
    // Left behind by a predecessor, perhaps: `replace` takes it over.
    for (const ip of pod.ips) await runOrThrow(['ip', 'addr', 'replace', ip, 'dev', 'lo', ...nodad(ip)]);
    const servers = await Promise.all(
      pod.ips.flatMap((ip) => pod.ports.map((port) => serve(hello(pod, node), ip, port))),
    );
    running.set(pod.uid, { pod, servers });
  }

  async function stop(uid: string, { pod, servers }: RunningPod): Promise<void> {
    running.delete(uid);
    for (const server of servers) {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    }
    for (const ip of pod.ips) await runOrThrow(['ip', 'addr', 'del', ip, 'dev', 'lo']);
  }
}

/** An address that is to be served at once cannot wait for duplicate address detection. */
function nodad(ip: string): string[] {
  return isIPv6(ip) ? ['nodad'] : [];
}

function hello(pod: PodToRun, node: string): string {
  return `hello from ${pod.name} on ${node}\n`;
}

async function serve(greeting: string, ip: string, { port, protocol }: PodPort): Promise<Server | Socket> {
  if (protocol === 'UDP') {
    const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4', (message, from) => {
      socket.send(Buffer.concat([Buffer.from(greeting), message]), from.port, from.address);
    });
    socket.bind(port, ip);
    await once(socket, 'listening');
    return socket;
  }
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain');
    // Whom the pod sees tells whether the client's address was kept (externalTrafficPolicy Local).
    response.end(request.url === '/client' ? `${request.socket.remoteAddress ?? ''}\n` : greeting);
  });
  server.listen(port, ip);
  await once(server, 'listening');
  return server;
}

if (import.meta.main) runMachine(process.argv[2] ?? '');

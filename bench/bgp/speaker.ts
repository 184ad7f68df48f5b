/** Runs speaker-main.ts on a node of a lab. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LAN, netnsOf, nodeAddresses, type LabPaths } from '../../src/lab/layout.ts';
import type { Announcer } from './peering.ts';

/** Addresses from 10.SECOND.0.0 on. It carries the lab's mark, so it ends with the lab. */
export function startSpeaker(paths: LabPaths, node: string, second: number, count: number): Announcer {
  const main = fileURLToPath(new URL('speaker-main.ts', import.meta.url));
  const argv = [process.execPath, main, nodeAddresses(node).lan, LAN.router, `${second}`, `${count}`];
  const child = spawn('ip', ['netns', 'exec', netnsOf(paths, node), ...argv], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, KUBEVIP_LAB_ID: paths.id },
  });
  const ended = once(child, 'exit');
  const say = (line: string): Promise<void> => {
    child.stdin.write(`${line}\n`);
    return Promise.resolve();
  };
  return {
    pid: child.pid ?? 0,
    announce: () => say('announce'),
    withdraw: () => say('withdraw'),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

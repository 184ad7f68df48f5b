/** Runs the probers of this folder on a host of a lab. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { netnsOf, nodeAddresses, type LabPaths } from '../../../src/lab/layout.ts';
import type { Ip } from '../../../src/model/ip.ts';
import type { Milliseconds } from '../../../src/model/time.ts';
import { ahead } from './priority.ts';
import type { ConnectLog } from './connect-log.ts';
import type { EchoLog } from './echo-log.ts';
import type { SweepLog } from './sweep-log.ts';

export interface Prober<L> {
  /** What it waits for to do more than listen. */
  go(): void;
  /** Ends it, and waits for the answers under way. @throws Error when it has failed. */
  stop(): Promise<L>;
}

/** Echo requests every 2 ms. @param host by default the laptop */
export async function startEcho(paths: LabPaths, target: Ip, host = 'laptop'): Promise<Prober<EchoLog>> {
  return await start(paths, 'echo-main.ts', [target, '2'], host);
}

/** TCP connections. @param from host of the lab */
export async function startConnecting(
  paths: LabPaths,
  target: Ip,
  everyMs: Milliseconds,
  from = 'laptop',
): Promise<Prober<ConnectLog>> {
  return await start(paths, 'connect-main.ts', [target, `${everyMs}`], from);
}

/** HTTPS requests, whoever signed the certificate. @param from host of the lab */
export async function startAsking(
  paths: LabPaths,
  url: string,
  everyMs: Milliseconds,
  from = 'laptop',
): Promise<Prober<ConnectLog>> {
  return await start(paths, 'ask-main.ts', [url, `${everyMs}`], from);
}

/** Who else serves addresses than `old`, from the laptop. */
export async function startSweep(paths: LabPaths, addresses: readonly Ip[], old: string): Promise<Prober<SweepLog>> {
  return await start(paths, 'sweep-main.ts', [addresses.join(), nodeAddresses(old).mac]);
}

/** Returns when it has begun. It carries the lab's mark, so it ends with the lab, whatever happens to us. */
async function start<L>(paths: LabPaths, main: string, args: readonly string[], host = 'laptop'): Promise<Prober<L>> {
  const file = fileURLToPath(new URL(main, import.meta.url));
  const argv = [...ahead(), process.execPath, file, ...args];
  const child = spawn('ip', ['netns', 'exec', netnsOf(paths, host), ...argv], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, KUBEVIP_LAB_ID: paths.id },
  });
  let output = '';
  const closed = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.startsWith('ready\n')) resolve();
    });
    child.on('error', reject);
    void closed.then(() => reject(new Error(`${main} ended before it began`)));
  });
  return {
    go: () => child.stdin.write('go\n'),
    async stop() {
      child.stdin.end();
      await closed;
      const json = output.slice(output.indexOf('\n') + 1);
      if (json === '') throw new Error(`${main} ended without a word`);
      return JSON.parse(json) as L;
    },
  };
}

/** What the LAN sees of a fault, by the probers of `bench -- failover`. */
import { setTimeout as delay } from 'node:timers/promises';
import { failedFor, reasons } from '../../../bench/failover/probe/connect-log.ts';
import { coarsest, longestGap } from '../../../bench/failover/probe/echo-log.ts';
import { startAsking, startEcho } from '../../../bench/failover/probe/prober.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Milliseconds } from '../../../src/model/time.ts';
import { run } from '../../../src/lab/exec.ts';
import { netnsOf } from '../../../src/lab/layout.ts';
import { eventually } from '../netns.ts';
import type { RealWorld } from './world.ts';

const ASK_EVERY_MS = 20;
const BEFORE_MS = 500;
/** Answered for this long it counts as back. */
const TAIL_MS = 3000;

export interface Outage {
  /** The longest time between two answers to echo requests to the address, one every 2 ms. */
  readonly gap: Milliseconds;
  /** From the fault to the last request to the URL that failed, one every 20 ms; undefined: none was asked. */
  readonly failedFor: Milliseconds | undefined;
  /** In words. */
  readonly text: string;
}

export interface Watched {
  readonly address: string;
  /** Of what is served at it: HTTPS, 200 when it works. */
  readonly url?: string;
}

/** @param fault ends when it is done */
export async function measureOutage(
  { paths }: RealWorld,
  { address, url }: Watched,
  fault: () => Promise<void>,
): Promise<Outage> {
  const echo = await startEcho(paths, ip(address));
  const asking = url === undefined ? undefined : await startAsking(paths, url, ASK_EVERY_MS);
  await delay(BEFORE_MS);
  const at = Date.now();
  await fault();
  if (url !== undefined) {
    const curl = ['curl', '-gskf', '--max-time', '1', '-o', '/dev/null', url];
    await eventually(
      `${url} answers again`,
      async () => (await run(curl, { netns: netnsOf(paths, 'laptop') })).code === 0,
    );
  }
  await delay(TAIL_MS);
  const [echoes, asked] = [await echo.stop(), await asking?.stop()];
  // The clocks of the probers differ by less than this.
  const { gap } = longestGap(echoes, at - 5);
  const resolution = coarsest(echoes);
  const late = resolution > 12 ? `; the prober was late by up to ${resolution.toFixed(0)} ms` : '';
  const failed = asked && failedFor(asked, at);
  const text =
    asked && failed !== undefined
      ? `nothing answered a ping for ${gap.toFixed(0)} ms, and the last of the requests to ${url ?? ''} that failed began ${failed.toFixed(0)} ms after the fault (${reasons(asked) || 'none'})${late}`
      : `nothing answered a ping for ${gap.toFixed(0)} ms${late}`;
  return { gap, failedFor: failed, text };
}

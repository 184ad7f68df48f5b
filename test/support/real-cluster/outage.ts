/** What the LAN sees of a fault, by the probers of `bench -- failover`. */
import { setTimeout as delay } from 'node:timers/promises';
import { failedFor, failures, reasons } from '../../../bench/failover/probe/connect-log.ts';
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
const TAIL_MS = 3000;

export interface Outage {
  /** The longest time between two answers to echo requests to the address, one every 2 ms. */
  readonly gap: Milliseconds;
  /** From the fault to the last request to the URL that failed, one every 20 ms; undefined: none was asked. */
  readonly failedFor: Milliseconds | undefined;
  /** Of the requests to the URL that began after the fault and before the last one that failed, how many failed: 0 to 1. */
  readonly failedShare: number;
  /** In words. */
  readonly text: string;
}

export interface Watched {
  readonly address: string;
  /** Of what is served at it: HTTPS, 200 when it works. */
  readonly url?: string;
  /** Host of the lab that looks. Default: the laptop. */
  readonly from?: 'laptop' | 'internet';
  /** How long is looked on once it has answered again. Default 3 s. */
  readonly tail?: Milliseconds;
}

/** @param fault ends when it is done */
export async function measureOutage(
  { paths }: RealWorld,
  { address, url, from = 'laptop', tail = TAIL_MS }: Watched,
  fault: () => Promise<void>,
): Promise<Outage> {
  const echo = await startEcho(paths, ip(address), from);
  const asking = url === undefined ? undefined : await startAsking(paths, url, ASK_EVERY_MS, from);
  await delay(BEFORE_MS);
  const at = Date.now();
  await fault();
  if (url !== undefined) {
    const curl = ['curl', '-gskf', '--max-time', '1', '-o', '/dev/null', url];
    await eventually(`${url} answers again`, async () => (await run(curl, { netns: netnsOf(paths, from) })).code === 0);
  }
  await delay(tail);
  const [echoes, asked] = [await echo.stop(), await asking?.stop()];
  // The clocks of the probers differ by less than this.
  const { gap } = longestGap(echoes, at - 5);
  const resolution = coarsest(echoes);
  const late = resolution > 12 ? `; the prober was late by up to ${resolution.toFixed(0)} ms` : '';
  const failed = asked && failedFor(asked, at);
  const during = asked?.started.filter((time) => time >= at && time <= at + (failed ?? 0)).length ?? 0;
  const failedShare = asked === undefined || during === 0 ? 0 : failures(asked, at) / during;
  const text =
    asked && failed !== undefined
      ? `nothing answered a ping for ${gap.toFixed(0)} ms, and the last of the requests to ${url ?? ''} that failed began ${failed.toFixed(0)} ms after the fault (${reasons(asked) || 'none'}; ${(failedShare * 100).toFixed(0)} % until then)${late}`
      : `nothing answered a ping for ${gap.toFixed(0)} ms${late}`;
  return { gap, failedFor: failed, failedShare, text };
}

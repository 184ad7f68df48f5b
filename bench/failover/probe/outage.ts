/** How long an address is away when something is done to the node that answers for it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/model/time.ts';
import { coarsest, longestGap, lost, type EchoLog } from './echo-log.ts';
import type { Prober } from './prober.ts';

export interface Outage {
  /** The longest time between two answers. */
  readonly gap: Milliseconds;
  /** Requests without an answer. */
  readonly lost: number;
}

export interface OutageSteps {
  readonly start: () => Promise<Prober<EchoLog>>;
  /** The node that answers, while requests are under way. */
  readonly find: () => Promise<string>;
  /** Ends once the address has been answered for long enough afterwards. */
  readonly fault: (node: string) => Promise<unknown>;
  readonly restore: (node: string) => Promise<void>;
}

/** A prober that was late by more than this has measured itself. */
const COARSE_MS = 12;
const TRIES = 5;

/** A sample in which the prober itself was late is taken again. @throws Error when that happens too often. */
export async function outageOf({ start, find, fault, restore }: OutageSteps): Promise<Outage> {
  for (let attempt = 1; ; attempt++) {
    const echo = await start();
    const node = await find();
    await delay(200 + 100 * Math.random());
    const at = Date.now();
    await fault(node);
    const log = await echo.stop();
    await restore(node);
    const resolution = coarsest(log);
    // The clocks differ by less than this.
    const since = at - 5;
    if (resolution <= COARSE_MS) return { gap: longestGap(log, since).gap, lost: lost(log, since) };
    if (attempt === TRIES) throw new Error(`the machine is too busy: requests were ${resolution.toFixed(0)} ms apart`);
    console.error(`requests were ${resolution.toFixed(0)} ms apart: once more`);
  }
}

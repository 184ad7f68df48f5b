/**
 * Tells a routing daemon of this node by routes in a table of its own, as kube-vip does. What an earlier run left stays
 * until it is known what is wanted: a daemon goes on announcing it meanwhile, and the addresses are still on the node.
 */
import { failed, ready, type Decision, type NotReady } from '../../../../model/decision.ts';
import { messageOf } from '../../../../model/errors.ts';
import type { Ip } from '../../../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../../../model/time.ts';
import { createListeners } from '../../listeners.ts';
import type { Reach } from '../../port.ts';
import type { RouteRequest, RouteSink } from '../port.ts';
import type { RouteTable } from './port.ts';

/** To try again what the kernel refused, and to find that somebody took a route away. */
const RECHECK: Milliseconds = 5000;
/** For the daemon to hear of what is withdrawn, and to pass it on. */
const FAREWELL: Milliseconds = 500;

export interface RouteTableSinkOptions {
  readonly table: RouteTable;
  readonly reach: Reach;
  readonly clock: Clock;
  /** Routes of others under the same protocol go too, once it is known what is wanted (`vip_cleanroutingtable`). */
  readonly cleansStrangers: boolean;
}

export function createRouteTableSink(options: RouteTableSinkOptions): RouteSink {
  return new RouteTableSink(options);
}

interface Entry {
  readonly linkIndex: number;
  /** Why it is not in the table. */
  problem: NotReady | undefined;
}

class RouteTableSink implements RouteSink {
  readonly reach: Reach;
  readonly resumes = true;
  readonly #options: RouteTableSinkOptions;
  readonly #entries = new Map<Ip, Entry>();
  /** What the kernel did not give up. */
  readonly #stuck = new Set<Ip>();
  readonly #changed = createListeners<undefined>();
  #timer: Timer | undefined;
  #withdrawnAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: RouteTableSinkOptions) {
    this.#options = options;
    this.reach = options.reach;
  }

  announce({ ip, link }: RouteRequest): Decision {
    let entry = this.#entries.get(ip);
    if (entry?.linkIndex !== link.index) {
      entry = { linkIndex: link.index, problem: undefined };
      this.#entries.set(ip, entry);
      this.#stuck.delete(ip);
      this.#write(ip, entry);
      this.#recheckLater();
    }
    const { name } = this.#options.table;
    return entry.problem ?? ready(undefined, 'RouteWritten', `the route to ${ip} is in ${name}`);
  }

  withdraw(ip: Ip): void {
    if (this.#entries.delete(ip)) this.#remove(ip);
  }

  obstacle(): undefined {
    return undefined;
  }

  settled(): void {
    const { table, cleansStrangers } = this.#options;
    try {
      for (const { ip } of table.owned()) if (!this.#entries.has(ip)) this.#remove(ip);
      if (cleansStrangers) table.removeStrangers();
    } catch {
      // Of a table that cannot be read nothing can be said; announcing has told why.
    }
  }

  onChange(callback: () => void): () => void {
    return this.#changed.add(callback);
  }

  async close(): Promise<void> {
    const { clock, table } = this.#options;
    this.#closed = true;
    this.#timer?.cancel();
    this.#changed.clear();
    for (const ip of [...this.#entries.keys()]) this.withdraw(ip);
    try {
      for (const { ip } of table.owned()) this.#remove(ip);
    } catch {
      // As above.
    }
    const left = this.#withdrawnAt + FAREWELL - clock.now();
    if (left > 0) await new Promise<void>((resolve) => clock.after(left, resolve));
  }

  #write(ip: Ip, entry: Entry): void {
    try {
      this.#options.table.set(ip, entry.linkIndex);
      entry.problem = undefined;
    } catch (error) {
      const { name } = this.#options.table;
      entry.problem = failed(
        'RouteRefused',
        `${ip} is not announced: its route is not in ${name}: ${messageOf(error)}`,
      );
    }
  }

  #remove(ip: Ip): void {
    this.#withdrawnAt = this.#options.clock.now();
    try {
      this.#options.table.remove(ip);
      this.#stuck.delete(ip);
    } catch {
      this.#stuck.add(ip);
      this.#recheckLater();
    }
  }

  #recheckLater(): void {
    if (!this.#closed) this.#timer ??= this.#options.clock.after(RECHECK, () => this.#recheck());
  }

  #recheck(): void {
    this.#timer = undefined;
    for (const ip of [...this.#stuck]) this.#remove(ip);
    const present = this.#present();
    let news = false;
    for (const [ip, entry] of this.#entries) {
      if (entry.problem === undefined && present?.get(ip) === entry.linkIndex) continue;
      const before = entry.problem?.message;
      this.#write(ip, entry);
      news ||= before !== entry.problem?.message;
    }
    if (this.#entries.size > 0 || this.#stuck.size > 0) this.#recheckLater();
    if (news) this.#changed.tell(undefined);
  }

  /** Undefined: it cannot be read. */
  #present(): ReadonlyMap<Ip, number | undefined> | undefined {
    try {
      return new Map(this.#options.table.owned().map(({ ip, linkIndex }) => [ip, linkIndex]));
    } catch {
      return undefined;
    }
  }
}

/** Looks for services on the LAN by DNS-SD, on every link of this machine at once. */
import { openMdnsChannel, type MdnsChannel } from '../exposure/naming/mdns-channel.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Ip } from '../model/ip.ts';
import type { Clock, Entropy, Milliseconds, Timer } from '../model/time.ts';
import type { Link, Network } from '../model/wire.ts';
import { Browser, type ServiceInstance } from '../protocols/mdns/browser.ts';
import { isOnLan, lanLinks } from './lan-links.ts';

/** The second family of a host usually comes a moment after the first: worth this much waiting. */
const SETTLE: Milliseconds = 250;

export interface DiscoverOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** How long to look. */
  readonly timeoutMs: Milliseconds;
  /** Service types (`_http._tcp`); absent or empty: every type that somebody has. */
  readonly types?: readonly string[];
  /** Only this interface; absent: every one that is up and not loopback. */
  readonly link?: string;
  /** Ends the search early, without an error. */
  readonly signal?: AbortSignal;
}

export interface DiscoveredService {
  /** Label for people: `web`. */
  readonly instance: string;
  /** `_http._tcp` */
  readonly type: string;
  /** `web.local`. Absent, with `port`, for an instance that is announced but whose host never answered. */
  readonly host?: string;
  readonly port?: number;
  readonly addresses: readonly Ip[];
  readonly txt: Readonly<Record<string, string>>;
  /** Interface it was found on. */
  readonly link: string;
}

/**
 * Yields each service once, as soon as it is resolved; those that could not be resolved come last.
 * @throws KubevipError NO_LINK if there is no such link or none to look on, MDNS_UNAVAILABLE if no socket opens.
 */
export async function* discover(options: DiscoverOptions): AsyncGenerator<DiscoveredService, void, undefined> {
  const found = new Mailbox<DiscoveredService>();
  const searches = linksOf(options).map((link) => new LinkSearch(options, link, (service) => found.put(service)));
  try {
    await start(searches);
    const end = options.clock.after(options.timeoutMs, () => found.close());
    const stop = (): void => found.close();
    options.signal?.addEventListener('abort', stop);
    if (options.signal?.aborted) stop();
    try {
      for (let next = await found.take(); next; next = await found.take()) yield next;
    } finally {
      end.cancel();
      options.signal?.removeEventListener('abort', stop);
    }
    yield* searches.flatMap((search) => search.unresolved());
  } finally {
    for (const search of searches) search.close();
  }
}

function linksOf({ network, link: wanted }: DiscoverOptions): Link[] {
  const links = network.links().filter(({ name }) => name === wanted);
  const usable = wanted === undefined ? lanLinks(network) : links.filter(isOnLan);
  if (usable.length > 0) return usable;
  const problem =
    wanted === undefined
      ? 'no network interface is up and has an address'
      : `interface ${wanted} ${links.length === 0 ? 'does not exist' : 'is down or has no address'}`;
  throw new KubevipError(`nothing to look on: ${problem}`, {
    code: 'NO_LINK',
    exit: EXIT.usage,
    hints: ['`ip -brief address` lists the interfaces of this machine'],
  });
}

/** One link that works is enough: many machines have some that carry no multicast. */
async function start(searches: readonly LinkSearch[]): Promise<void> {
  const results = await Promise.allSettled(searches.map((search) => search.start()));
  const failures = results.filter((result) => result.status === 'rejected');
  if (failures.length === searches.length) throw failures[0]?.reason;
}

class LinkSearch {
  readonly #options: DiscoverOptions;
  readonly #link: Link;
  readonly #found: (service: DiscoveredService) => void;
  readonly #browser: Browser;
  readonly #reported = new Set<string>();
  /** When an instance that is still to be reported had its first address. */
  #firstSeen: ReadonlyMap<string, Milliseconds> = new Map();
  #channel: MdnsChannel | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: DiscoverOptions, link: Link, found: (service: DiscoveredService) => void) {
    this.#options = options;
    this.#link = link;
    this.#found = found;
    const { types, entropy, clock } = options;
    this.#browser = new Browser({ ...(types ? { types } : {}), entropy }, clock.now());
  }

  async start(): Promise<void> {
    const { network, clock } = this.#options;
    const channel = await openMdnsChannel({
      network,
      clock,
      link: this.#link,
      onMessage: (message, from) => {
        if (this.#browser.receive(message, from, clock.now())) this.#report();
        this.#schedule();
      },
      // The search goes on in the other family and on the other links; what was found here stays found.
      onFailed: () => undefined,
    });
    if (this.#closed) channel.close();
    else this.#channel = channel;
    this.#schedule();
  }

  unresolved(): DiscoveredService[] {
    const missed = this.#browser.instances().filter((service) => !this.#reported.has(keyOf(service)));
    return missed.map((service) => ({ ...service, link: this.#link.name }));
  }

  close(): void {
    this.#closed = true;
    this.#channel?.close();
    this.#timer?.cancel();
  }

  #report(): void {
    const now = this.#options.clock.now();
    const seen = new Map<string, Milliseconds>();
    for (const service of this.#browser.instances()) {
      const key = keyOf(service);
      if (this.#reported.has(key) || service.addresses.length === 0) continue;
      const since = this.#firstSeen.get(key) ?? now;
      if (!this.#browser.isResolved(service) && now - since < SETTLE) {
        seen.set(key, since);
        continue;
      }
      this.#reported.add(key);
      this.#found({ ...service, link: this.#link.name });
    }
    this.#firstSeen = seen;
  }

  #advance(): void {
    const { send, changed } = this.#browser.advance(this.#options.clock.now());
    for (const message of send) this.#channel?.send({ message });
    if (changed || this.#firstSeen.size > 0) this.#report();
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const { clock } = this.#options;
    const settled = [...this.#firstSeen.values()].map((since) => since + SETTLE);
    const deadline = Math.min(this.#browser.deadline() ?? Number.POSITIVE_INFINITY, ...settled);
    if (Number.isFinite(deadline)) {
      this.#timer = clock.after(Math.max(0, deadline - clock.now()), () => this.#advance());
    }
  }
}

function keyOf({ instance, type }: ServiceInstance): string {
  return `${type} ${instance}`;
}

/** Hands values from callbacks to a loop that awaits them. */
class Mailbox<T> {
  readonly #values: T[] = [];
  #closed = false;
  #waiting: (() => void) | undefined;

  put(value: T): void {
    this.#values.push(value);
    this.#waiting?.();
  }

  close(): void {
    this.#closed = true;
    this.#waiting?.();
  }

  /** The next value; undefined when closed and empty. */
  async take(): Promise<T | undefined> {
    while (this.#values.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => (this.#waiting = resolve));
      this.#waiting = undefined;
    }
    return this.#values.shift();
  }
}

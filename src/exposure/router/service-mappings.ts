/**
 * The mappings of one Service on the router, from the first request to the last trace. Rounds follow one another:
 * each brings everything to what is wanted, and a newer wish, a restart of the router or the clock starts the next.
 */
import { failed, off, pending, type Decision } from '../../model/decision.ts';
import { messageOf } from '../../model/errors.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { Network } from '../../model/wire.ts';
import type { Mapped, MappingAsk } from './client.ts';
import { closePort, closePorts } from './close-ports.ts';
import { explainFailures, explainImpossible, explainMapped, explainUnmapped, type Failure } from './explain.ts';
import { gatewayOf, gatewaysElsewhere, isOnLink } from './routes.ts';
import { withOthers, type OtherRouter } from './other-routers.ts';
import type { Gateway, GatewayUser } from './gateway.ts';
import { mappingDescription } from './description.ts';
import { firstLifetime, refreshAfter } from './lifetime.ts';
import { openPort } from './open-port.ts';
import type { MappingRecord, MappingRequest, RouterMapping, WantedPort } from './port.ts';

export interface ServiceMappingsParts {
  readonly network: Pick<Network, 'links'>;
  readonly clock: Clock;
  readonly cluster?: () => string | undefined;
  readonly gateway: (link: string, ip: Ip) => Gateway;
  /** The answer is another now. */
  readonly changed: () => void;
}

/** After a refusal; the router's own wish goes first. */
const RETRY: readonly Milliseconds[] = [30_000, 60_000, 120_000, 300_000];
/** The address, or the interface, is not there yet. */
const RETRY_LOCAL: Milliseconds = 1000;

export class ServiceMappings implements GatewayUser {
  readonly #parts: ServiceMappingsParts;
  #request: MappingRequest;
  #decision: Decision<RouterMapping> | undefined;
  /** The same, before it says which other routers there are. */
  #decided: Decision<RouterMapping> | undefined;
  #withdrawing = false;
  /** What is on the router for this Service, as far as we know. */
  readonly #held = new Map<string, MappingRecord>();
  /** Keys of what the Service's annotation tells any other node about. */
  #published: ReadonlySet<string>;
  #gateway: { readonly gateway: Gateway; readonly leave: () => void } | undefined;
  #round = new AbortController();
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #refusals = 0;
  /** The router may have lost everything: what numbers it gave say nothing any more. */
  #forgotten = false;

  constructor(parts: ServiceMappingsParts, request: MappingRequest) {
    this.#parts = parts;
    this.#request = request;
    for (const record of request.previous) this.#held.set(keyOf(record), record);
    this.#published = new Set(this.#held.keys());
  }

  get source(): Ip {
    return this.#request.ip;
  }

  get uid(): string {
    return this.#request.uid;
  }

  /** Withdrawn, with nothing left to do. */
  get idle(): boolean {
    return this.#withdrawing && this.#decision?.state === 'off';
  }

  /** What is wanted from now on. */
  want(request: MappingRequest): Decision<RouterMapping> {
    if (this.#decision && !this.#withdrawing && sameWish(request, this.#request)) return this.#decision;
    this.#request = request;
    this.#withdrawing = false;
    this.#refusals = 0;
    this.#decision = pending('RouterMapping', `asking the router for ${request.ports.length} port(s)`);
    this.#start();
    return this.#decision;
  }

  /** Everything away. */
  withdraw(request: MappingRequest): Decision {
    if (!this.#withdrawing) {
      this.#withdrawing = true;
      this.#request = { ...request, ports: [] };
      for (const record of request.previous) if (!this.#held.has(keyOf(record))) this.#held.set(keyOf(record), record);
      this.#decision = pending('RouterUnmapping', 'closing the ports on the router');
      this.#start();
    }
    const { state, reason, message } = this.#decision ?? pending('RouterUnmapping', '');
    return { state: state === 'ready' ? 'pending' : state, reason, message };
  }

  /** Away with what leads to `ip`; what a newer wish has at another address stays. */
  leave(ip: Ip): Decision {
    const { service } = this.#request;
    if (ip === this.source) return this.withdraw({ ...this.#request, previous: [] });
    return [...this.#held.values()].some(({ internalIp }) => internalIp === ip)
      ? pending('RouterUnmapping', `closing the ports that lead to ${ip}, which ${service} had before`)
      : off('RouterUnmapped', `nothing leads to ${ip} any more`);
  }

  /** Lets go without undoing anything: whoever goes on makes the same mappings his own. */
  stop(): void {
    this.#stopped.abort();
    this.#round.abort();
    this.#timer?.cancel();
    this.#gateway?.leave();
    this.#gateway = undefined;
  }

  othersSeen(): void {
    if (this.#decided) this.#decide(this.#decided);
  }

  again(): void {
    this.#forgotten = true;
    this.#start();
  }

  lost(words: string): void {
    const gateway = this.#gateway?.gateway.route.gateway;
    if (gateway === undefined || this.#withdrawing || this.#held.size === 0) return;
    this.#decide(failed('RouterUnreachable', `router ${gateway}: ${words}; tried again by itself`));
  }

  spotCheck(): Promise<boolean> | undefined {
    const record = [...this.#held.values()].find(({ method }) => method === 'igd1' || method === 'igd2');
    const client = record && this.#gateway?.gateway.clientFor(record);
    if (!client || this.#withdrawing) return undefined;
    return client.find(this.#askFor(record)).then(({ kind }) => kind !== 'absent' && kind !== 'foreign');
  }

  /** Links or routes changed: perhaps there is another gateway now, or none. */
  rerouted(): void {
    if (this.idle) return;
    if (this.#gatewayNow() !== this.#gateway?.gateway.route.gateway) this.#start();
  }

  #start(): void {
    if (this.#stopped.signal.aborted) return;
    this.#round.abort();
    const round = new AbortController();
    this.#round = round;
    this.#timer?.cancel();
    this.#running = this.#running.then(async () => {
      if (round.signal.aborted) return;
      try {
        await (this.#withdrawing ? this.#undo(round.signal) : this.#establish(round.signal));
      } catch (error) {
        this.#decide(failed('RouterError', `asking the router failed: ${messageOf(error)}`));
        this.#later(RETRY[0] ?? 0);
      }
    });
  }

  async #establish(signal: AbortSignal): Promise<void> {
    const gateway = this.#enter();
    if (!gateway) return;
    await this.#drop(gateway, signal);
    const impossible = explainImpossible(this.#request.ports);
    if (impossible) {
      this.#decide(impossible);
      return;
    }
    const answers = await Promise.all(
      this.#request.ports.map(async (port) => {
        const ask = this.#askFor(port);
        const answer = await openPort(gateway, ask, this.#held.get(keyOf(port)), {
          search: signal,
          request: this.#stopped.signal,
        });
        // Even if nobody waits for it any more: the mapping is there.
        if (answer.kind === 'mapped') this.#held.set(keyOf(port), answer.record);
        return { port, ask, answer };
      }),
    );
    if (signal.aborted) return;
    this.#forgotten = false;
    const records: Mapped['record'][] = [];
    const refreshes: Milliseconds[] = [];
    const failures: Failure[] = [];
    for (const { port, ask, answer } of answers) {
      if (answer.kind === 'mapped') {
        records.push(answer.record);
        refreshes.push(refreshAfter(answer.record.lifetime, ask.lifetime) ?? Number.POSITIVE_INFINITY);
      } else failures.push({ port, answer });
    }
    if (failures.length > 0) return this.#fail(gateway, failures, signal);
    this.#refusals = 0;
    this.#published = new Set(records.map(keyOf));
    this.#decide(explainMapped(records));
    const soonest = Math.min(...refreshes);
    if (Number.isFinite(soonest)) this.#later(soonest);
  }

  /** The router of the Service's link; undefined with the decision that there is none. */
  #enter(): Gateway | undefined {
    const { ip, link } = this.#request;
    const address = this.#gatewayNow();
    const known = this.#gateway?.gateway;
    if (known && known.route.gateway === address && known.route.link === link) return known;
    this.#gateway?.leave();
    this.#gateway = undefined;
    if (address === undefined) {
      const kind = familyOf(ip) === 6 ? 'IPv6 default gateway' : 'default gateway';
      const words = `interface ${link} has no ${kind}, so there is no router to open a port on`;
      this.#decide(failed('NoGateway', words));
      return undefined;
    }
    const gateway = this.#parts.gateway(link, address);
    this.#gateway = { gateway, leave: gateway.join(this) };
    return gateway;
  }

  /** Mappings that are wanted no more, lead to an address the Service no longer has, or are on another router. */
  async #drop(gateway: Gateway, signal: AbortSignal): Promise<void> {
    const wanted = new Set(this.#request.ports.map(keyOf));
    const dropped = [...this.#held].filter(
      ([key, { internalIp, gateway: router }]) =>
        !wanted.has(key) || internalIp !== this.source || router !== gateway.route.gateway,
    );
    await Promise.all(
      dropped.map(async ([key, record]) => {
        const old = record.gateway === gateway.route.gateway ? undefined : this.#routerOf(record);
        const answer = closePort(old ?? gateway, record, this.#sourceFor(record), signal);
        // A router that may be gone keeps nobody waiting for the one that is there.
        const unreachable = !old && (await answer).kind === 'unreachable';
        // It may not even have been asked: the next round does.
        if (signal.aborted) return;
        // Nor does one that is silent an address that the Service has left: what leads there runs out.
        if (!unreachable || record.internalIp !== this.source) this.#held.delete(key);
      }),
    );
    // Whoever keeps a former address on this node for this may let go of it.
    if (dropped.length > 0) this.#parts.changed();
  }

  /** A former address, while it still stands here: routers in secure mode listen to no other. */
  #sourceFor({ internalIp }: MappingRecord): Ip {
    const stands = this.#parts.network
      .links()
      .some(({ name, addresses }) => name === this.#request.link && addresses.some(({ ip }) => ip === internalIp));
    return stands ? internalIp : this.source;
  }

  /** The router that a mapping is on, if it can be asked from this link. */
  #routerOf({ gateway }: MappingRecord): Gateway | undefined {
    const known = this.#gateway?.gateway;
    if (known?.route.gateway === gateway) return known;
    const link = this.#parts.network.links().find(({ name }) => name === this.#request.link);
    return link && isOnLink(link, gateway) ? this.#parts.gateway(link.name, gateway) : undefined;
  }

  /** Nothing half-done stays: what was made just now is undone, what stood before stands. */
  async #fail(gateway: Gateway, failures: readonly Failure[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#unpublished().map(async ([key, record]) => {
        const answer = await closePort(gateway, record, this.source, signal);
        if (answer.kind !== 'unreachable') this.#held.delete(key);
      }),
    );
    if (signal.aborted) return;
    const failing = new Set(failures.map(({ port }) => keyOf(port)));
    const open = [...this.#held].filter(([key]) => !failing.has(key)).map(([, record]) => record);
    const decision = explainFailures(gateway.route.gateway, failures, open);
    const answers = failures.map(({ answer }) => answer);
    if (answers.some((answer) => answer.kind === 'unreachable' && answer.local)) {
      this.#decide(pending('RouterMapping', decision.message));
      this.#later(RETRY_LOCAL);
      return;
    }
    this.#decide(decision);
    // Whoever looks for the router says when it is back; a refusal only time can change.
    if (answers.some(({ kind }) => kind === 'unreachable' || kind === 'none')) gateway.trouble();
    const asked = answers.flatMap((answer) => (answer.kind === 'refused' ? (answer.retryAfter ?? []) : []));
    this.#later(Math.max(RETRY[Math.min(this.#refusals++, RETRY.length - 1)] ?? 0, ...asked));
  }

  async #undo(signal: AbortSignal): Promise<void> {
    const records = [...this.#held.values()];
    if (records.length > 0) this.#enter();
    const routerOf = (record: MappingRecord): Gateway | undefined => this.#routerOf(record);
    const { gone, left } = await closePorts(
      this.#parts.clock,
      routerOf,
      records,
      (record) => this.#sourceFor(record),
      signal,
    );
    for (const record of gone) this.#held.delete(keyOf(record));
    if (signal.aborted) return;
    this.#held.clear();
    this.#published = new Set();
    this.#gateway?.leave();
    this.#gateway = undefined;
    this.#decide(explainUnmapped(gone, left));
  }

  #unpublished(): [string, MappingRecord][] {
    return [...this.#held].filter(([key]) => !this.#published.has(key));
  }

  #askFor(port: WantedPort): MappingAsk {
    const { protocol, internalPort, externalPort } = port;
    const { service, uid, ip, previous } = this.#request;
    const lifetime = firstLifetime(this.#request.lifetime, this.#published.has(keyOf(port)));
    const formerIps = previous.map(({ internalIp }) => internalIp).filter((former) => former !== ip);
    const cluster = this.#parts.cluster?.();
    const description = mappingDescription(service, cluster === undefined ? undefined : { uid, cluster });
    const held = this.#held.get(keyOf(port));
    const known = held?.internalIp === ip;
    const uniqueId = known && !this.#forgotten ? held.uniqueId : undefined;
    const ask = { protocol, internalPort, externalPort, source: ip, lifetime, description, uid, formerIps, known };
    return uniqueId === undefined ? ask : { ...ask, uniqueId };
  }

  /** Those that answered a search, and the default gateways of other links. */
  #otherRouters(): OtherRouter[] {
    const gateway = this.#gateway?.gateway;
    if (!gateway) return [];
    const { link, gateway: ip } = gateway.route;
    const elsewhere = gatewaysElsewhere(this.#parts.network.links(), link, familyOf(ip));
    return [...gateway.others.map((other) => ({ ip: other })), ...elsewhere];
  }

  /** The default gateway of the Service's link, in the family of its address. */
  #gatewayNow(): Ip | undefined {
    const { ip, link } = this.#request;
    return gatewayOf(this.#parts.network.links(), link, familyOf(ip));
  }

  #later(delay: Milliseconds): void {
    if (this.#stopped.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(delay, () => this.#start());
  }

  #decide(decided: Decision<RouterMapping>): void {
    this.#decided = decided;
    const decision = withOthers(decided, this.#otherRouters());
    const same = JSON.stringify(decision) === JSON.stringify(this.#decision);
    this.#decision = decision;
    if (!same) this.#parts.changed();
  }
}

function keyOf({ protocol, internalPort, externalPort }: WantedPort): string {
  return `${protocol} ${internalPort} ${externalPort}`;
}

function sameWish(a: MappingRequest, b: MappingRequest): boolean {
  const wish = ({ uid, ip, link, lifetime, ports }: MappingRequest): string =>
    JSON.stringify([uid, ip, link, lifetime, ports.map(keyOf).sort()]);
  return wish(a) === wish(b);
}

/**
 * Between those who have addresses (the parts of the agent) and the one speaker of this node. Peers are spoken to once
 * everybody has said what there is: a router that kept our routes over a restart forgets what it is not told again by
 * the End-of-RIB (RFC 4724).
 */
import { failed, pending, ready, type Decision, type NotReady } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import { prefixOf } from '../../protocols/bgp/prefix.ts';
import { createListeners } from '../announcement/listeners.ts';
import type { Reach } from '../announcement/port.ts';
import type { RouteSink } from '../announcement/routed/port.ts';
import type { ResolvedPeer } from './config/resolve.ts';
import type { RouteAttributes } from './config/wish.ts';
import { routesFor, type PoolOf, type ServedAddress } from './routes.ts';
import { peerName } from './settings.ts';
import type { PeerStatus, Speaker } from './speaker.ts';

/** Whoever has not said by then what it has is not waited for. Less than routers keep routes for. */
const PATIENCE: Milliseconds = 30_000;
/** A session takes that long to come about, if it does. */
const FAIR_CHANCE: Milliseconds = 10_000;
/** Last words are on their way. */
const LAST_WORDS: Milliseconds = 100;

export interface BgpHubOptions {
  readonly clock: Clock;
  readonly speaker: Pick<Speaker, 'setPeers' | 'setRoutes' | 'peers' | 'stop'>;
  /** Names of the parts that will say what they have. */
  readonly parts: readonly string[];
  /** Routers are asked to keep routes while the agent is away. */
  readonly gracefulRestart: boolean;
}

/** What peers are told, besides addresses. */
export interface HubPolicy {
  readonly poolsOf: PoolOf;
  readonly ofPool: ReadonlyMap<string, RouteAttributes>;
}

export class BgpHub {
  readonly #options: BgpHubOptions;
  readonly #addresses = new Map<Ip, Map<string, ServedAddress>>();
  readonly #waiting: Set<string>;
  readonly #open: Set<string>;
  readonly #changed = createListeners<undefined>();
  readonly #closed = Promise.withResolvers<undefined>();
  #peers: readonly ResolvedPeer[] = [];
  #policy: HubPolicy = { poolsOf: () => [], ofPool: new Map() };
  #speaksSince: Milliseconds | undefined;
  #patience: Timer | undefined;
  #flush: Timer | undefined;
  #status: readonly PeerStatus[] | undefined;

  constructor(options: BgpHubOptions) {
    this.#options = options;
    this.#waiting = new Set(options.parts);
    this.#open = new Set(options.parts);
    this.#patience = options.clock.after(PATIENCE, () => this.#speak());
    if (options.parts.length === 0) this.#closed.resolve(undefined);
  }

  /** @param part one of those named at the start. */
  sink(part: string, reach: Reach): RouteSink {
    return {
      reach,
      resumes: this.#options.gracefulRestart,
      announce: ({ ip, leaving }) => {
        this.#set(part, ip, { ip, leaving });
        return this.#told(ip);
      },
      withdraw: (ip) => this.#set(part, ip, undefined),
      obstacle: () => this.#obstacle(),
      settled: () => {
        this.#waiting.delete(part);
        if (this.#waiting.size === 0) this.#speak();
      },
      onChange: (callback) => this.#changed.add(callback),
      close: async () => {
        this.#flushNow();
        await new Promise<void>((resolve) => this.#options.clock.after(LAST_WORDS, resolve));
        this.#open.delete(part);
        if (this.#open.size === 0) this.#closed.resolve(undefined);
      },
    };
  }

  /** All peers there shall be; sessions that stay the same go on. */
  setPeers(peers: readonly ResolvedPeer[], policy: HubPolicy): void {
    this.#peers = peers;
    this.#policy = policy;
    if (this.#speaksSince === undefined) this.#changed.tell(undefined);
    else this.#apply();
  }

  /** Something happened to a session. */
  sessionsChanged(): void {
    this.#status = undefined;
    this.#changed.tell(undefined);
  }

  peers(): readonly PeerStatus[] {
    return (this.#status ??= this.#options.speaker.peers());
  }

  /** Addresses that stand here. */
  has(ip: Ip): boolean {
    return this.#addresses.has(ip);
  }

  /** Whether it is an address of that part. */
  isOf(part: string, ip: Ip): boolean {
    return this.#addresses.get(ip)?.has(part) === true;
  }

  /** Addresses that a router at least is told of, and that are not about to go. */
  announced(): Ip[] {
    const stays = (parts: ReadonlyMap<string, ServedAddress>): boolean =>
      [...parts.values()].some(({ leaving }) => !leaving);
    return [...this.#addresses].flatMap(([ip, parts]) =>
      stays(parts) && this.#told(ip).state === 'ready' ? [ip] : [],
    );
  }

  /** Every part has let go of what it had. */
  get closed(): Promise<unknown> {
    return this.#closed.promise;
  }

  stop(): void {
    this.#patience?.cancel();
    this.#flush?.cancel();
    this.#changed.clear();
    this.#options.speaker.stop({ kind: 'shutdown', communication: 'kubevip ends' });
  }

  #speak(): void {
    if (this.#speaksSince !== undefined) return;
    this.#speaksSince = this.#options.clock.now();
    this.#patience?.cancel();
    this.#apply();
    // By then it is known of whom nothing is heard.
    this.#patience = this.#options.clock.after(FAIR_CHANCE, () => this.sessionsChanged());
  }

  #apply(): void {
    this.#flushNow();
    this.#options.speaker.setPeers(this.#peers.map(({ settings }) => settings));
    this.sessionsChanged();
  }

  #set(part: string, ip: Ip, served: ServedAddress | undefined): void {
    const parts = this.#addresses.get(ip) ?? new Map<string, ServedAddress>();
    const before = parts.get(part);
    if (before?.leaving === served?.leaving && (before === undefined) === (served === undefined)) return;
    if (served) parts.set(part, served);
    else parts.delete(part);
    if (parts.size > 0) this.#addresses.set(ip, parts);
    else this.#addresses.delete(ip);
    // What changes together is said together.
    this.#flush ??= this.#options.clock.after(0, () => this.#flushNow());
  }

  #flushNow(): void {
    this.#flush?.cancel();
    this.#flush = undefined;
    this.#status = undefined;
    const { poolsOf, ofPool } = this.#policy;
    const addresses: ServedAddress[] = [...this.#addresses].map(([ip, parts]) => ({
      ip,
      leaving: [...parts.values()].every(({ leaving }) => leaving),
    }));
    const policies = new Map(this.#peers.map((peer) => [peerName(peer.settings), peer]));
    this.#options.speaker.setRoutes((settings) => {
      const peer = policies.get(peerName(settings));
      return peer === undefined ? [] : routesFor(addresses, peer, poolsOf, ofPool);
    });
  }

  #obstacle(): NotReady | undefined {
    const { clock } = this.#options;
    if (this.#established().length > 0) return undefined;
    const chance = this.#speaksSince === undefined || clock.now() - this.#speaksSince < FAIR_CHANCE;
    return chance ? undefined : failed('NoBgpSession', this.#whyNone());
  }

  #told(ip: Ip): Decision {
    const established = this.#established();
    const all = this.#peers.length;
    if (established.length === 0) {
      return this.#obstacle() ?? pending('BgpConnecting', `${ip} is told to routers once a BGP session stands`);
    }
    const refusals = established.flatMap(({ name, refused }) => {
      const why = refused.size > 0 ? refused.get(prefixOf(ip)) : undefined;
      return why === undefined ? [] : [`${name}: ${why}`];
    });
    if (refusals.length === established.length)
      return failed('RouteRefused', `${ip} is told to no router: ${refusals.join('; ')}`);
    const told = established.length - refusals.length;
    const missing = refusals.length > 0 ? ` (${refusals.join('; ')})` : '';
    return ready(undefined, 'Announced', `${ip} is announced by BGP to ${told} of ${all} peers${missing}`);
  }

  #established(): readonly PeerStatus[] {
    return this.peers().filter(({ state }) => state === 'Established');
  }

  #whyNone(): string {
    if (this.#peers.length === 0)
      return 'addresses are told to nobody: there is no BGP peer (bgp_peers, bgp_peeraddress, annotations, or ConfigMap)';
    const states = this.peers().map(
      ({ name, state, problem }) => `${name} is ${state}${problem ? ` (${problem})` : ''}`,
    );
    return `addresses are told to nobody: no BGP session stands: ${states.join('; ')}`;
  }
}

/**
 * BGP as a part of the agent: peers from everywhere they may be asked for, and the truth about them in the log, as Events,
 * in metrics and on a Lease. Its addresses are those of the other parts, by way of the hub.
 */
import { adviceFor } from '../../exposure/bgp/advice.ts';
import { CONTROL_PLANE_POOL, readBgpMap, type BgpMap } from '../../exposure/bgp/config/config-map.ts';
import { readNodeAnnotations } from '../../exposure/bgp/config/node-annotations.ts';
import { resolvePeers, type ResolvedPeer } from '../../exposure/bgp/config/resolve.ts';
import type { BgpProblem, PeerWish } from '../../exposure/bgp/config/wish.ts';
import { createEquinixMetal } from '../../exposure/bgp/provider/equinix-metal.ts';
import type { PeerProvider } from '../../exposure/bgp/provider/port.ts';
import { createRouterEars, type RouterEars } from '../../exposure/bgp/router-ears.ts';
import { peerName } from '../../exposure/bgp/settings.ts';
import type { SpeakerNews } from '../../exposure/bgp/speaker.ts';
import { poolContains } from '../../exposure/address/candidates.ts';
import { parsePools } from '../../exposure/address/pools.ts';
import { getJson } from '../../linux/get-json.ts';
import { readSecretFile, readTokenFile } from '../../linux/secret-files.ts';
import { BGP_SECRET } from '../../manifests/names.ts';
import type { BgpRecord } from '../../model/bgp-record.ts';
import { spansOf } from '../../model/cidr.ts';
import { messageOf } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import { describeCause } from '../../protocols/bgp/session/events.ts';
import type { AgentConfig } from '../config.ts';
import { createDistinctLog } from '../distinct-log.ts';
import type { DumpSection } from '../dump.ts';
import type { Health } from '../http.ts';
import type { Logger } from '../log.ts';
import type { ProcessMetrics } from '../process-metrics.ts';
import type { Part } from '../services.ts';
import { connectBgp, RENEW, type BgpCluster } from './cluster.ts';
import type { BgpConfig } from './config.ts';
import { createBgpMetrics, type BgpMetrics } from './metrics.ts';
import type { BgpNode } from './wire.ts';

/** A kubeconfig that is not there yet. */
const RETRY: Milliseconds = 1000;
/** Files with passwords have no watch. */
const LOOK_AGAIN: Milliseconds = 30_000;
const PROVIDER_AGAIN: Milliseconds = 300_000;
const PROVIDER_RETRY: Milliseconds = 30_000;
/** What happens together is written together. */
const RECORD_SOON: Milliseconds = 2000;
/** Longer than the other parts need to hand over. */
const OTHERS_WITHIN: Milliseconds = 4000;
const LAST_WORDS: Milliseconds = 150;
const WRITE_AGAIN: Milliseconds = 5000;

export interface BgpPartOptions {
  readonly config: AgentConfig;
  readonly bgp: BgpConfig;
  readonly node: BgpNode;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
}

const NOTHING: BgpMap = { peers: [], problems: [], pools: new Map() };

export class BgpPart implements Part {
  readonly #options: BgpPartOptions;
  readonly #metrics: BgpMetrics;
  readonly #ears: RouterEars;
  readonly #trouble: (topic: string, error: unknown) => void;
  readonly #provider: PeerProvider | undefined;
  readonly #stops: (() => void)[] = [];
  readonly #timers = new Map<string, Timer>();
  /** Why sessions do not come about, once each. */
  readonly #told = new Map<string, string>();
  #cluster: BgpCluster | undefined;
  #provided: readonly PeerWish[] = [];
  #providerProblem: BgpProblem | undefined;
  #problems: readonly BgpProblem[] = [];
  #peers: readonly ResolvedPeer[] = [];
  /** Events before there is a Lease to hang them on. */
  #untold: (readonly ['Normal' | 'Warning', string, string])[] = [];
  #written = false;
  #stopped = false;

  constructor(options: BgpPartOptions) {
    this.#options = options;
    const { node, log, metrics, bgp } = options;
    this.#trouble = createDistinctLog(log);
    this.#metrics = createBgpMetrics(
      metrics,
      () => node.hub.peers(),
      () => this.#problems.length,
    );
    this.#ears = createRouterEars({
      network: node.network,
      clock: node.clock,
      onChange: () => this.#refresh(),
      isInUse: (ip, link) =>
        node.hub.peers().some(({ name, state }) => state === 'Established' && name === peerName({ ip, link })),
    });
    this.#provider =
      bgp.provider &&
      createEquinixMetal({
        get: getJson,
        token: () => readTokenFile(bgp.provider?.tokenFile ?? ''),
        project: bgp.provider.project,
        ...(bgp.provider.url === undefined ? {} : { api: bgp.provider.url }),
      });
    node.onNews((news) => this.#news(news));
  }

  start(): void {
    const { node } = this.#options;
    this.#stops.push(node.network.onChange(() => this.#later('refresh', 0, () => this.#refresh())));
    this.#refresh();
    this.#connect();
    this.#lookAgain();
    if (this.#provider) void this.#askProvider(this.#provider);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const { node } = this.#options;
    for (const timer of this.#timers.values()) timer.cancel();
    for (const stop of this.#stops.splice(0)) stop();
    await Promise.race([node.hub.closed, this.#pause(OTHERS_WITHIN)]);
    node.hub.stop();
    this.#ears.close();
    const ended = this.#cluster?.write({ peers: [], problems: [], announced: [] }).catch(() => undefined);
    await this.#pause(LAST_WORDS);
    await Promise.race([ended, this.#pause(RETRY)]);
    await this.#cluster?.stop();
  }

  health(): Health {
    return {};
  }

  failovers(): readonly [] {
    return [];
  }

  dump(): readonly DumpSection[] {
    const { peers, problems } = this.#state();
    const lines = peers.map(
      ({ peer, as, state, since, routes, bfd, problem }) =>
        `${peer} (AS ${as}): ${state} since ${since}, ${routes} routes${bfd ? `, BFD ${bfd}` : ''}${problem ? `; ${problem}` : ''}`,
    );
    return [{ title: 'BGP', lines: [...lines, ...problems] }];
  }

  #connect(): void {
    if (this.#stopped) return;
    const { config, bgp, node } = this.#options;
    try {
      this.#cluster = connectBgp(
        config,
        bgp,
        node.clock,
        () => this.#later('refresh', 0, () => this.#refresh()),
        this.#trouble,
      );
    } catch (error) {
      this.#trouble('kubeconfig', error);
      this.#later('connect', RETRY, () => this.#connect());
      return;
    }
    this.#record();
  }

  #lookAgain(): void {
    this.#later('look again', LOOK_AGAIN, () => {
      this.#refresh();
      this.#lookAgain();
    });
  }

  async #askProvider(provider: PeerProvider): Promise<void> {
    let again = PROVIDER_AGAIN;
    try {
      this.#provided = await provider.peersOf(this.#options.config.node);
      this.#providerProblem = undefined;
    } catch (error) {
      again = PROVIDER_RETRY;
      // What it said before is the best guess meanwhile.
      this.#providerProblem = { source: provider.name, message: messageOf(error) };
    }
    if (this.#stopped) return;
    this.#refresh();
    this.#later('provider', again, () => void this.#askProvider(provider));
  }

  /** Brings peers in line with all that asks for them. */
  #refresh(): void {
    if (this.#stopped) return;
    const { config, bgp, node } = this.#options;
    const map = this.#cluster?.configMap();
    const named = map ? readBgpMap(map.data ?? {}, config.node, bgp.configMap) : NOTHING;
    const own = this.#cluster?.node();
    const annotated =
      own && bgp.annotationPrefix !== undefined
        ? readNodeAnnotations(config.node, own.metadata.annotations ?? {}, bgp.annotationPrefix)
        : NOTHING;
    const wishes = [...bgp.wishes.peers, ...annotated.peers, ...this.#provided, ...named.peers];
    this.#ears.listenOn(wishes.flatMap(({ at }) => ('unnumbered' in at ? [at.unnumbered] : [])));
    // A password under the peer's address is named by nobody.
    if (bgp.passwords === undefined && wishes.some(({ password }) => password === undefined))
      this.#cluster?.watchSecret(wishes.some(({ passwordKey }) => passwordKey !== undefined));
    const resolved = resolvePeers(wishes, {
      defaults: bgp.defaults,
      links: node.network.links(),
      restarted: node.restarted,
      password: (key) => this.#password(key),
      passwordsIn: bgp.passwords ?? `Secret ${BGP_SECRET}`,
      routerOn: (link) => this.#ears.routerOn(link),
      isOurs: (ip) => node.hub.has(ip),
    });
    this.#peers = resolved.peers;
    for (const name of this.#told.keys())
      if (!resolved.peers.some(({ settings }) => peerName(settings) === name)) this.#told.delete(name);
    const ofProvider = this.#providerProblem ? [this.#providerProblem] : [];
    this.#tellProblems([
      ...bgp.wishes.problems,
      ...annotated.problems,
      ...ofProvider,
      ...named.problems,
      ...resolved.problems,
    ]);
    node.hub.setPeers(resolved.peers, { poolsOf: this.#poolsOf(), ofPool: named.pools });
    this.#recordSoon();
  }

  #password(key: string): string | undefined {
    const { passwords } = this.#options.bgp;
    if (passwords !== undefined) return readSecretFile(passwords, key);
    const text = this.#cluster?.secret()?.data?.[key];
    return text === undefined
      ? undefined
      : Buffer.from(text, 'base64')
          .toString('utf8')
          .replace(/\r?\n$/, '');
  }

  #poolsOf(): (ip: Ip) => readonly string[] {
    const pools = [...parsePools(this.#cluster?.pools()?.data ?? {}).pools.values()].filter(({ dhcp }) => !dhcp);
    const { hub } = this.#options.node;
    return (ip) => [
      ...(hub.isOf('control-plane', ip) ? [CONTROL_PLANE_POOL] : []),
      ...pools.filter((pool) => poolContains(pool, ip)).map(({ key }) => key),
    ];
  }

  #tellProblems(problems: readonly BgpProblem[]): void {
    const before = new Set(this.#problems.map(textOf));
    this.#problems = problems;
    for (const problem of problems) {
      const text = textOf(problem);
      if (!before.has(text)) this.#tell('Warning', 'BgpPeerInvalid', `${text}; all other peers go on`);
    }
  }

  #news(news: SpeakerNews): void {
    const { hub } = this.#options.node;
    if ('problem' in news) {
      this.#tell('Warning', 'BgpProblem', news.problem);
      return;
    }
    const { peer, news: what } = news;
    const name = `BGP session with ${peer}`;
    switch (what.kind) {
      case 'up':
        this.#told.delete(peer);
        this.#metrics.sessionChanged(peer, 'up');
        this.#tell('Normal', 'BgpSessionUp', `${name} (AS ${this.#asOf(peer)}) stands`);
        break;
      case 'down':
        this.#metrics.sessionChanged(peer, 'down');
        if (!this.#stopped)
          this.#tell('Warning', 'BgpSessionDown', `${name} has ended: ${advised(describeCause(what.cause))}`);
        break;
      case 'failed':
        this.#failed(peer, name);
        break;
      case 'fault':
        this.#tell('Warning', 'BgpFault', `${name}: ${what.message}`);
        break;
      case 'bfd':
        this.#options.log.info({ peer, bfd: what.news.kind }, `BFD with ${peer}: ${what.news.kind}`);
        break;
      case 'told':
      case 'end-of-rib':
        break;
    }
    hub.sessionsChanged();
    this.#recordSoon();
  }

  /** Attempts come again and again; another reason is news. */
  #failed(peer: string, name: string): void {
    const { hub } = this.#options.node;
    hub.sessionsChanged();
    const problem = hub.peers().find((each) => each.name === peer)?.problem ?? 'no reason is known';
    if (this.#told.get(peer) === problem) return;
    this.#told.set(peer, problem);
    this.#tell('Warning', 'BgpPeerDown', `${name} (AS ${this.#asOf(peer)}) does not come about: ${advised(problem)}`);
  }

  #asOf(peer: string): number | string {
    return this.#peers.find(({ settings }) => peerName(settings) === peer)?.settings.peerAs ?? 'unknown';
  }

  #tell(type: 'Normal' | 'Warning', reason: string, note: string): void {
    this.#options.log[type === 'Warning' ? 'warn' : 'info']({ reason }, note);
    if (this.#written) this.#cluster?.event(type, reason, note);
    else this.#untold = [...this.#untold, [type, reason, note] as const].slice(-20);
  }

  #recordSoon(): void {
    if (this.#cluster && !this.#timers.has('soon')) this.#later('soon', RECORD_SOON, () => this.#record());
  }

  #record(): void {
    const cluster = this.#cluster;
    if (!cluster || this.#stopped) return;
    this.#later('record', RENEW, () => this.#record());
    cluster.write(this.#state()).then(
      () => {
        this.#written = true;
        for (const event of this.#untold.splice(0)) cluster.event(...event);
      },
      (error: unknown) => {
        this.#trouble('Lease of the BGP sessions', error);
        this.#later('record', WRITE_AGAIN, () => this.#record());
      },
    );
  }

  #state(): BgpRecord {
    return {
      peers: this.#options.node.hub.peers().map(({ name, state, since, announced, bfd, problem }) => ({
        peer: name,
        as: Number(this.#asOf(name)) || 0,
        state,
        since,
        routes: announced[4] + announced[6],
        ...(bfd === undefined ? {} : { bfd }),
        ...(problem === undefined ? {} : { problem: advised(problem) }),
      })),
      problems: this.#problems.map(textOf),
      announced: spansOf(this.#options.node.hub.announced()),
    };
  }

  /** One timer of a name; it is gone before its work is done. */
  #later(name: string, delay: Milliseconds, work: () => void): void {
    if (this.#stopped) return;
    this.#timers.get(name)?.cancel();
    const timer = this.#options.node.clock.after(delay, () => {
      this.#timers.delete(name);
      work();
    });
    this.#timers.set(name, timer);
  }

  async #pause(time: Milliseconds): Promise<void> {
    await new Promise<void>((resolve) => this.#options.node.clock.after(time, resolve));
  }
}

function textOf({ source, message }: BgpProblem): string {
  return `${source}: ${message}`;
}

function advised(problem: string): string {
  const advice = adviceFor(problem);
  return advice === undefined ? problem : `${problem}: ${advice}`;
}

/** The BGP speaker of this node: its peers, what they are told, and how they are. */
import { KubevipError, messageOf } from '../../model/errors.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { Clock, Entropy } from '../../model/time.ts';
import type { BfdState } from '../../protocols/bfd/packet.ts';
import type { Route } from '../../protocols/bgp/route.ts';
import { describeCause, type Farewell } from '../../protocols/bgp/session/events.ts';
import type { Negotiated } from '../../protocols/bgp/session/negotiate.ts';
import type { ReceivedCounts } from '../../protocols/bgp/session/received.ts';
import type { StateName } from '../../protocols/bgp/session/state.ts';
import { createBfdDriver, type BfdNews, type BfdWatch } from './bfd-driver.ts';
import { createPeerDriver, type PeerDriver, type PeerNews } from './peer-driver.ts';
import type { BfdTransport, Call, Listener, PeerTransport } from './port.ts';
import { peerName, type PeerSettings } from './settings.ts';

export interface PeerStatus {
  readonly name: string;
  readonly state: StateName;
  /** ISO 8601: when the state last became Established, or ceased to be. */
  readonly since: string;
  /** Why it is not Established, as far as that is known. */
  readonly problem: string | undefined;
  readonly negotiated: Negotiated | undefined;
  /** Routes the peer has been told, by family. */
  readonly announced: Readonly<Record<Family, number>>;
  readonly received: ReceivedCounts;
  /** Why routes are not told, by prefix. */
  readonly refused: ReadonlyMap<string, string>;
  /** Undefined: not watched. */
  readonly bfd: BfdState | undefined;
}

export type SpeakerNews =
  | { readonly peer: string; readonly news: PeerNews | { readonly kind: 'bfd'; readonly news: BfdNews } }
  /** Something that concerns no session: the port to listen on is taken, BFD cannot be had. */
  | { readonly peer?: string; readonly problem: string };

export interface SpeakerOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly transport: PeerTransport;
  readonly bfd: BfdTransport;
  /** Absent: peers are called and do not call. */
  readonly listen?: { readonly port: number; readonly localIp?: Ip };
  readonly onNews: (news: SpeakerNews) => void;
}

export interface Speaker {
  /**
   * All peers there shall be. Sessions whose settings are the same go on undisturbed.
   * @throws KubevipError BGP_PEER_TWICE, and then nothing has changed.
   */
  setPeers(peers: readonly PeerSettings[]): void;
  /** All routes there shall be, for each peer. */
  setRoutes(routesFor: (peer: PeerSettings) => readonly Route[]): void;
  /** Tell all peers that the routes are about to go (RFC 8326), or that they stay. */
  setGracefulShutdown(on: boolean): void;
  /** Ends the session with a peer of this name, and begins another. @returns whether there is such a peer. */
  reset(name: string, communication?: string): boolean;
  /** For good. Last words are on their way when it returns, and take up to a second. */
  stop(farewell: Farewell): void;
  peers(): readonly PeerStatus[];
}

interface Peer {
  readonly driver: PeerDriver;
  readonly fingerprint: string;
  bfd: BfdWatch | undefined;
  since: Date;
  /** Of the last attempt. */
  problem: string | undefined;
  /** Of the last session. */
  ended: string | undefined;
}

export function createSpeaker(options: SpeakerOptions): Speaker {
  const { clock, entropy, transport, onNews } = options;
  const bfdDriver = createBfdDriver({ clock, entropy, transport: options.bfd });
  const peers = new Map<string, Peer>();
  const listeners = new Map<Family, Listener>();
  let routesFor: (peer: PeerSettings) => readonly Route[] = () => [];
  let gracefulShutdown = false;
  let stopped = false;

  const onPeerNews = (name: string, news: PeerNews): void => {
    const peer = peers.get(name);
    if (peer !== undefined) {
      if (news.kind === 'up' || news.kind === 'down') peer.since = clock.wall();
      if (news.kind === 'up') peer.problem = peer.ended = undefined;
      if (news.kind === 'down') peer.ended = describeCause(news.cause);
      if (news.kind === 'failed') peer.problem = describeCause(news.cause) + hintFor(peer.driver.settings, news);
    }
    onNews({ peer: name, news });
  };

  const watchByBfd = (name: string, settings: PeerSettings, driver: PeerDriver): BfdWatch | undefined => {
    const { bfd, ip, localIp, link, distance } = settings;
    if (bfd === undefined) return undefined;
    const path = {
      peerIp: ip,
      multihop: distance.kind === 'multihop',
      ...(localIp !== undefined && { localIp }),
      ...(link !== undefined && { link }),
    };
    try {
      return bfdDriver.watch(path, bfd, (news) => {
        onNews({ peer: name, news: { kind: 'bfd', news } });
        if (news.kind === 'down' && !news.administrative) driver.input({ kind: 'bfd-down', message: news.message });
      });
    } catch (error) {
      onNews({ peer: name, problem: `no BFD with ${name}: ${messageOf(error)}` });
      return undefined;
    }
  };

  const add = (name: string, settings: PeerSettings): void => {
    const driver = createPeerDriver(settings, { clock, entropy, transport }, (news) => onPeerNews(name, news));
    const peer: Peer = {
      driver,
      fingerprint: fingerprintOf(settings),
      bfd: undefined,
      since: clock.wall(),
      problem: undefined,
      ended: undefined,
    };
    peers.set(name, peer);
    driver.input({ kind: 'graceful-shutdown', on: gracefulShutdown });
    driver.input({ kind: 'routes', routes: routesFor(settings) });
    driver.input({ kind: 'start' });
    peer.bfd = watchByBfd(name, settings, driver);
  };

  const remove = (name: string, { driver, bfd }: Peer, farewell: Farewell): void => {
    driver.input({ kind: 'stop', farewell });
    driver.close();
    bfd?.close();
    peers.delete(name);
  };

  const onCall = (call: Call): void => {
    const name = peerName({ ip: call.from, ...(call.link !== undefined && { link: call.link }) });
    // A peer with a link of its own and an address that is unique is known by either.
    const peer = peers.get(name) ?? [...peers.values()].find(({ driver }) => driver.settings.ip === call.from);
    const onItsLink = call.link === undefined || peer?.driver.settings.link === call.link;
    if (peer === undefined || !onItsLink) call.refuse();
    else peer.driver.call(call);
  };

  const listen = (): void => {
    if (options.listen === undefined) return;
    for (const family of [4, 6] as const) {
      const expected = [...peers.values()]
        .map(({ driver }) => driver.settings)
        .filter(({ ip }) => familyOf(ip) === family);
      const { port, localIp } = options.listen;
      const fits = localIp === undefined || familyOf(localIp) === family;
      try {
        let listener = listeners.get(family);
        if (listener === undefined && expected.length > 0 && fits) {
          listener = transport.listen({ family, port, onCall, ...(localIp !== undefined && { localIp }) });
          listeners.set(family, listener);
        }
        listener?.expect(expected);
      } catch (error) {
        onNews({ problem: `peers cannot call: ${messageOf(error)}` });
      }
    }
  };

  return {
    setPeers(wanted) {
      if (stopped) return;
      const next = new Map<string, PeerSettings>();
      for (const settings of wanted) {
        const name = peerName(settings);
        if (next.has(name)) {
          throw new KubevipError(`BGP peer ${name} is there twice`, {
            code: 'BGP_PEER_TWICE',
            hints: ['keep one of them: there is one session with an address'],
          });
        }
        next.set(name, settings);
      }
      for (const [name, peer] of [...peers]) {
        const settings = next.get(name);
        if (settings === undefined) remove(name, peer, { kind: 'deconfigured' });
        else if (fingerprintOf(settings) !== peer.fingerprint) remove(name, peer, { kind: 'reconfigured' });
      }
      for (const [name, settings] of next) if (!peers.has(name)) add(name, settings);
      listen();
    },
    setRoutes(next) {
      routesFor = next;
      for (const { driver } of peers.values()) {
        driver.input({ kind: 'routes', routes: routesFor(driver.settings) });
      }
    },
    setGracefulShutdown(on) {
      gracefulShutdown = on;
      for (const { driver } of peers.values()) driver.input({ kind: 'graceful-shutdown', on });
    },
    reset(name, communication) {
      const peer = peers.get(name);
      peer?.driver.input({ kind: 'reset', ...(communication !== undefined && { communication }) });
      return peer !== undefined;
    },
    stop(farewell) {
      stopped = true;
      for (const listener of listeners.values()) listener.close();
      listeners.clear();
      for (const [name, peer] of [...peers]) remove(name, peer, farewell);
    },
    peers: () =>
      [...peers].map(([name, { driver, bfd, since, problem, ended }]) => {
        const { machine } = driver;
        return {
          name,
          state: machine.state,
          since: since.toISOString(),
          problem: machine.state === 'Established' ? undefined : problemOf(problem, ended),
          negotiated: machine.negotiated,
          announced: machine.announced(),
          received: machine.received(),
          refused: machine.refused,
          bfd: bfd?.state,
        };
      }),
  };
}

/** Why a session ended says more than that the next one does not come about, which a peer that was shut down leads to. */
function problemOf(problem: string | undefined, ended: string | undefined): string | undefined {
  if (ended === undefined) return problem;
  return problem === undefined || problem === ended ? ended : `${ended}; since then: ${problem}`;
}

/** What a difference of would need another session. */
function fingerprintOf(settings: PeerSettings): string {
  return JSON.stringify(settings);
}

/** The kernel drops what is signed wrongly without a word, so this looks like nobody being there. */
function hintFor({ password }: PeerSettings, news: PeerNews): string {
  const silent = news.kind === 'failed' && news.cause.kind === 'connection' && /no answer/.test(news.cause.message);
  return silent && password !== undefined ? ': is the peer there, and has it the same password?' : '';
}

/** Two BGP peers of ours with simulated TCP between them, and a witness who notes what each has been told. */
import { ip, type Family } from '../../src/model/ip.ts';
import type { Entropy, Milliseconds } from '../../src/model/time.ts';
import type { PathAttributes } from '../../src/protocols/bgp/attributes.ts';
import { createFramer } from '../../src/protocols/bgp/framing.ts';
import { decodeMessage, type Message } from '../../src/protocols/bgp/message.ts';
import { parsePrefix, prefixesIn, type Prefix } from '../../src/protocols/bgp/prefix.ts';
import type { Route } from '../../src/protocols/bgp/route.ts';
import type { PeerConfig } from '../../src/protocols/bgp/session/config.ts';
import type { PeerInput, PeerOutput } from '../../src/protocols/bgp/session/events.ts';
import { createPeer, type BgpPeer } from '../../src/protocols/bgp/session/peer.ts';
import { chanceFrom } from './chance.ts';

export type Side = 'a' | 'b';
const OTHER = { a: 'b', b: 'a' } as const;
const LATENCY: Milliseconds = 1;
const ADDRESS = { a: ip('10.77.0.11'), b: ip('10.77.0.1') } as const;

export const CONFIG: Readonly<Record<Side, PeerConfig>> = {
  a: { localAs: 65000, peerAs: 64512, identifier: ADDRESS.a, holdTime: 9, families: [4, 6] },
  b: { localAs: 64512, peerAs: 65000, identifier: ADDRESS.b, holdTime: 9, families: [4, 6] },
};

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new TypeError(`no prefix: ${text}`);
  return parsed;
}

export function route(text: string, rest: Omit<Route, 'prefix'> = {}): Route {
  return { prefix: prefix(text), ...rest };
}

export function seededEntropy(seed: number): Entropy {
  const chance = chanceFrom(seed);
  return { bytes: (length) => chance.bytes(length), fraction: () => chance.fraction() };
}

export interface ToldRoute {
  readonly attributes: PathAttributes;
  readonly nextHops: readonly string[];
}

export interface BgpWorld {
  readonly now: Milliseconds;
  readonly peers: Readonly<Record<Side, BgpPeer>>;
  /** Everything that came out, without bytes, in order. */
  readonly events: { readonly side: Side; readonly at: Milliseconds; readonly output: PeerOutput }[];
  /** Messages on the wire, in order. */
  readonly said: { readonly side: Side; readonly at: Milliseconds; readonly message: Message }[];
  /** What `side` has been told in the session that stands now. */
  knows(side: Side): ReadonlyMap<Prefix, ToldRoute>;
  /** Families of which `side` has heard the End-of-RIB in the session that stands now. */
  heardAll(side: Side): ReadonlySet<Family>;
  input(side: Side, input: PeerInput): void;
  run(delay: Milliseconds): void;
  /** A cut wire: nothing arrives before it is whole again, and nobody is told. */
  setWire(up: boolean): void;
  /** All connections are reset, and both are told. */
  breakConnections(): void;
  /** This side's process is gone and another one begins; its connections are reset. */
  restart(side: Side, config?: Partial<PeerConfig>): void;
}

interface Link {
  readonly ends: Partial<Record<Side, number>>;
  /** Nothing more arrives at this end. */
  readonly over: Partial<Record<Side, boolean>>;
  readonly framers: Record<Side, ReturnType<typeof createFramer>>;
  readonly as4: Partial<Record<Side, boolean>>;
  readonly told: Record<Side, Map<Prefix, ToldRoute>>;
  readonly complete: Record<Side, Set<Family>>;
}

export function createBgpWorld(
  options: { a?: Partial<PeerConfig>; b?: Partial<PeerConfig>; seed?: number } = {},
): BgpWorld {
  const entropy = seededEntropy(options.seed ?? 1);
  const configs = { a: { ...CONFIG.a, ...options.a }, b: { ...CONFIG.b, ...options.b } };
  const peers = { a: createPeer(configs.a, entropy), b: createPeer(configs.b, entropy) };
  const routes: Record<Side, readonly Route[]> = { a: [], b: [] };
  const events: BgpWorld['events'] = [];
  const said: BgpWorld['said'] = [];
  let now: Milliseconds = 1000;
  let wire = true;
  let serial = 0;
  let queue: { at: Milliseconds; order: number; run: () => void }[] = [];
  const links: Link[] = [];
  const dialled = new Map<number, { readonly from: Side; readonly connection: number }>();

  const later = (run: () => void): void => {
    queue.push({ at: now + LATENCY, order: serial++, run });
  };
  /** TCP keeps what the wire does not take, and its order. */
  let stalled: (() => void)[] = [];
  const overTheWire = (run: () => void): void => {
    later(() => {
      if (wire && stalled.length === 0) run();
      else stalled.push(run);
    });
  };
  const unstall = (): void => {
    if (!wire) return;
    const all = stalled;
    stalled = [];
    for (const run of all) run();
  };
  const linkOf = (side: Side, connection: number): Link | undefined =>
    links.findLast((link) => link.ends[side] === connection && link.over[side] !== true);

  const note = (link: Link, from: Side, bytes: Uint8Array): void => {
    const to = OTHER[from];
    for (const frame of link.framers[from].push(bytes)) {
      const both = link.as4.a !== false && link.as4.b !== false;
      const message = decodeMessage(frame, both);
      said.push({ side: from, at: now, message });
      if (message.kind === 'open') link.as4[from] = message.capabilities.some(({ kind }) => kind === 'four-octet-as');
      if (message.kind !== 'update') continue;
      for (const gone of message.withdrawn.flatMap(prefixesIn)) link.told[to].delete(gone);
      for (const reach of message.announced) {
        for (const each of prefixesIn(reach))
          link.told[to].set(each, { attributes: message.attributes, nextHops: reach.nextHops });
      }
      if (message.endOfRib !== undefined) link.complete[to].add(message.endOfRib);
    }
  };

  const perform = (side: Side, output: PeerOutput): void => {
    const other = OTHER[side];
    if (output.kind !== 'send') events.push({ side, at: now, output });
    switch (output.kind) {
      case 'connect':
        later(() => {
          if (!wire) return;
          const token = ++serial;
          dialled.set(token, { from: side, connection: output.connection });
          handle(other, { kind: 'incoming', token, localIp: ADDRESS[other] });
        });
        return;
      case 'refuse': {
        const call = dialled.get(output.token);
        if (call) later(() => handle(call.from, { kind: 'lost', connection: call.connection, message: 'refused' }));
        return;
      }
      case 'accept': {
        const call = dialled.get(output.token);
        if (!call) return;
        links.push({
          ends: { [side]: output.connection, [call.from]: call.connection },
          over: {},
          framers: { a: createFramer(), b: createFramer() },
          as4: {},
          told: { a: new Map(), b: new Map() },
          complete: { a: new Set(), b: new Set() },
        });
        const { from, connection } = call;
        later(() => handle(from, { kind: 'connected', connection, localIp: ADDRESS[from] }));
        return;
      }
      case 'send': {
        const link = linkOf(side, output.connection);
        if (link === undefined) return;
        overTheWire(() => {
          const connection = link.ends[other];
          if (connection === undefined || link.over[other] === true) return;
          note(link, side, output.bytes);
          handle(other, { kind: 'data', connection, bytes: output.bytes });
        });
        return;
      }
      case 'close': {
        const link = linkOf(side, output.connection);
        if (link === undefined) return;
        link.over[side] = true;
        overTheWire(() => {
          const connection = link.ends[other];
          if (connection === undefined || link.over[other] === true) return;
          link.over[other] = true;
          handle(other, { kind: 'lost', connection, message: 'closed by the peer' });
        });
        return;
      }
      default:
        return;
    }
  };

  const handle = (side: Side, input: PeerInput): void => {
    for (const output of peers[side].handle(input, now)) perform(side, output);
  };

  const standing = (side: Side): Link | undefined =>
    links.findLast((link) => link.over[side] !== true && link.over[OTHER[side]] !== true);

  /** All connections are over; those on `sides` hear of it. */
  const breakAll = (sides: readonly Side[]): void => {
    for (const link of links) {
      for (const side of ['a', 'b'] as const) {
        const connection = link.ends[side];
        if (link.over[side] === true || connection === undefined) continue;
        if (sides.includes(side)) {
          link.over[side] = true;
          handle(side, { kind: 'lost', connection, message: 'reset' });
        }
      }
    }
  };

  return {
    get now() {
      return now;
    },
    peers,
    events,
    said,
    knows: (side) => (peers[side].state === 'Established' ? (standing(side)?.told[side] ?? new Map()) : new Map()),
    heardAll: (side) => standing(side)?.complete[side] ?? new Set(),
    input: (side, input) => {
      if (input.kind === 'routes') routes[side] = [...input.routes];
      handle(side, input);
    },
    run(delay) {
      const end = now + delay;
      for (let steps = 0; ; steps++) {
        if (steps > 200_000) throw new Error('no end of it');
        queue.sort((x, y) => x.at - y.at || x.order - y.order);
        const next = Math.min(queue[0]?.at ?? Infinity, peers.a.deadline() ?? Infinity, peers.b.deadline() ?? Infinity);
        if (next > end) break;
        now = Math.max(now, next);
        const due = queue.filter(({ at }) => at <= now);
        queue = queue.filter(({ at }) => at > now);
        for (const { run } of due) run();
        for (const side of ['a', 'b'] as const) {
          if ((peers[side].deadline() ?? Infinity) <= now) handle(side, { kind: 'tick' });
        }
      }
      now = end;
    },
    setWire: (up) => {
      wire = up;
      if (up) later(unstall);
    },
    breakConnections: () => breakAll(['a', 'b']),
    restart: (side, config) => {
      for (const link of links) link.over[side] = true;
      peers[side] = createPeer({ ...configs[side], ...config }, entropy);
      breakAll(wire ? [OTHER[side]] : []);
      handle(side, { kind: 'routes', routes: routes[side] });
      handle(side, { kind: 'start' });
    },
  };
}

/**
 * One BGP peer without a socket, a timer or a clock: what happened goes in, what to do comes out, and `deadline` says
 * when to come back. Holds a state machine for each connection there is: the one we make, and those the peer makes.
 */
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import { createAdjRibOut } from '../adj-rib-out.ts';
import { CEASE, ERROR } from '../codes.ts';
import { shutdown, type Notification } from '../notification.ts';
import type { Prefix } from '../prefix.ts';
import { collisionIn, isCollision } from './collision.ts';
import type { PeerConfig } from './config.ts';
import type { Cause, Farewell, PeerInput, PeerOutput } from './events.ts';
import { createFsm, type Fsm } from './fsm.ts';
import type { Negotiated } from './negotiate.ts';
import { createReceived, type ReceivedCounts } from './received.ts';
import { retryPause, STABLE } from './retry.ts';
import type { Context, StateName } from './state.ts';

export interface BgpPeer {
  /** @param now monotonic; never less than in the call before. */
  handle(input: PeerInput, now: Milliseconds): readonly PeerOutput[];
  /** When to call with `tick`; undefined: not before something else happens. */
  deadline(): Milliseconds | undefined;
  /** Of the connection that has come furthest. */
  readonly state: StateName;
  readonly negotiated: Negotiated | undefined;
  received(): ReceivedCounts;
  /** Routes that the peer has been told, by family. */
  announced(): Readonly<Record<4 | 6, number>>;
  /** Why routes are not told in this session. */
  readonly refused: ReadonlyMap<Prefix, string>;
}

const ORDER: readonly StateName[] = ['Idle', 'Active', 'Connect', 'OpenSent', 'OpenConfirm', 'Established'];
/** One that stands, and one that may take its place. */
const MOST_INCOMING = 2;

/** Stopped; `start` sets it going. */
export function createPeer(config: PeerConfig, entropy: Entropy): BgpPeer {
  const passive = config.passive ?? false;
  const rib = createAdjRibOut();
  const received = createReceived(config.localAs);
  let running = false;
  let gracefulShutdown = false;
  let serial = 0;
  /** In a row. */
  let failures = 0;
  let upSince: Milliseconds | undefined;
  /** The peer may not call before: sessions with it fail again and again. */
  let dampedUntil = -Infinity;

  const context: Context = {
    config,
    entropy,
    rib,
    received,
    callAt: undefined,
    restarting: config.gracefulRestart?.restarted ?? false,
    newConnection: () => ++serial,
    exportContext: ({ internal, families, extendedNextHop, localIp }) => {
      const { localAs, nextHops = {} } = config;
      return { localAs, internal, families, extendedNextHop, localIp, nextHops, gracefulShutdown };
    },
  };
  const outgoing = createFsm('outgoing', context);
  let incoming: Fsm[] = [];
  const all = (): Fsm[] => [outgoing, ...incoming];
  const established = (): Fsm | undefined => all().find(({ state }) => state === 'Established');
  const standing = (): boolean => all().some(({ state }) => ORDER.indexOf(state) >= ORDER.indexOf('OpenConfirm'));

  const failed = (cause: Cause, now: Milliseconds): void => {
    if (!running) return;
    failures++;
    const pause = retryPause(failures, entropy);
    context.callAt = passive ? undefined : now + pause;
    // A peer that cannot be reached has done nothing wrong, and whoever fails for the first time may try at once.
    if (cause.kind !== 'connection' && failures > 1) dampedUntil = now + pause;
  };

  /** Draws the conclusions from what has been put out. @returns what is fit to leave. */
  const account = (outputs: readonly PeerOutput[], now: Milliseconds): PeerOutput[] =>
    outputs.filter((output) => {
      if (output.kind === 'up') upSince = now;
      if (output.kind === 'down') {
        if (upSince !== undefined && now - upSince >= STABLE) failures = 0;
        upSince = undefined;
        if (output.cause.kind !== 'replaced') failed(output.cause, now);
      }
      if (output.kind !== 'failed') return true;
      if (output.cause.kind === 'replaced' || output.cause.kind === 'stopped') return false;
      if (isCollision(output.cause) && all().some(({ connection }) => connection !== undefined)) return false;
      failed(output.cause, now);
      return true;
    });

  /** Until nothing contradicts anything any more. */
  const settle = (first: readonly PeerOutput[], now: Milliseconds): PeerOutput[] => {
    const outputs = account(first, now);
    for (;;) {
      incoming = incoming.filter(({ state }) => state !== 'Idle');
      const loser = collisionIn(all(), config);
      if (loser === undefined) break;
      outputs.push(...account(loser.fsm.end(loser.cause, now), now));
    }
    if (standing()) {
      context.callAt = undefined;
      if (outgoing.state === 'Connect') outputs.push(...account(outgoing.end({ kind: 'replaced' }, now), now));
    } else if (running && !passive && outgoing.connection === undefined) {
      context.callAt ??= now + retryPause(failures, entropy);
    } else if (running && outgoing.state === 'Idle') {
      outputs.push(...outgoing.enter({ to: 'Active', cause: { kind: 'stopped' } }, now));
    }
    return outputs;
  };

  const endAll = (cause: Cause, now: Milliseconds): PeerOutput[] => all().flatMap((fsm) => fsm.end(cause, now));

  const react = (input: PeerInput, now: Milliseconds): PeerOutput[] => {
    switch (input.kind) {
      case 'start':
        if (running) return [];
        running = true;
        failures = 0;
        dampedUntil = -Infinity;
        return outgoing.enter(passive ? { to: 'Active', cause: { kind: 'stopped' } } : { to: 'Connect' }, now);
      case 'stop': {
        running = false;
        const outputs = endAll(farewellCause(input.farewell), now).filter(({ kind }) => kind !== 'failed');
        context.callAt = undefined;
        return outputs;
      }
      case 'reset': {
        const notification = shutdown(CEASE.administrativeReset, input.communication);
        return endAll({ kind: 'sent', notification, message: 'reset' }, now);
      }
      case 'routes':
        rib.replace(input.routes);
        return established()?.flush(now) ?? [];
      case 'graceful-shutdown': {
        gracefulShutdown = input.on;
        const fsm = established();
        if (fsm?.negotiated === undefined) return [];
        rib.change(context.exportContext(fsm.negotiated));
        return fsm.flush(now);
      }
      case 'incoming': {
        const { token } = input;
        if (!running) return [{ kind: 'refuse', token, message: 'no session is wanted' }];
        if (now < dampedUntil) return [{ kind: 'refuse', token, message: 'sessions have failed too often just now' }];
        // Who calls again has given up what he began before.
        const stale = incoming.filter(({ state }) => state === 'OpenSent');
        const outputs = stale.flatMap((fsm) => fsm.end({ kind: 'replaced' }, now));
        incoming = incoming.filter((fsm) => !stale.includes(fsm));
        if (incoming.length >= MOST_INCOMING) return [{ kind: 'refuse', token, message: 'two connections are enough' }];
        const fsm = createFsm('incoming', context);
        incoming.push(fsm);
        const connection = context.newConnection();
        const next = { to: 'OpenSent', connection: { id: connection, localIp: input.localIp } } as const;
        return [...outputs, { kind: 'accept', token, connection }, ...fsm.enter(next, now)];
      }
      case 'connected':
        return fsmOf(input.connection)?.connected(input.localIp, now) ?? [];
      case 'lost':
        return fsmOf(input.connection)?.lost(input.message, now) ?? [];
      case 'data':
        return fsmOf(input.connection)?.data(input.bytes, now) ?? [];
      case 'congested':
        fsmOf(input.connection)?.congested(now);
        return [];
      case 'drained':
        return fsmOf(input.connection)?.drained(now) ?? [];
      case 'bfd-down': {
        const { message } = input;
        const notification = cease(CEASE.bfdDown);
        return established()?.end({ kind: 'sent', notification, message }, now) ?? [];
      }
      case 'tick':
        return all().flatMap((fsm) => ((fsm.deadline() ?? Infinity) <= now ? fsm.tick(now) : []));
    }
  };

  const fsmOf = (connection: number): Fsm | undefined => all().find((fsm) => fsm.connection === connection);
  const furthest = (): Fsm =>
    all().reduce((best, fsm) => (ORDER.indexOf(fsm.state) > ORDER.indexOf(best.state) ? fsm : best));

  return {
    handle: (input, now) => settle(react(input, now), now),
    deadline() {
      const due = all().map((fsm) => fsm.deadline() ?? Infinity);
      const first = Math.min(...due);
      return first === Infinity ? undefined : first;
    },
    get state() {
      return furthest().state;
    },
    get negotiated() {
      return established()?.negotiated;
    },
    received: () => received.counts(),
    announced: () => rib.announced(),
    refused: rib.refused,
  };
}

function farewellCause(farewell: Farewell): Cause {
  switch (farewell.kind) {
    case 'shutdown': {
      const notification = shutdown(CEASE.administrativeShutdown, farewell.communication);
      return { kind: 'sent', notification, message: 'stopped' };
    }
    case 'deconfigured':
      return { kind: 'sent', notification: cease(CEASE.peerDeconfigured), message: 'the peer is not wanted any more' };
    case 'reconfigured':
      return { kind: 'sent', notification: cease(CEASE.otherConfigurationChange), message: 'other settings' };
    case 'restart':
      return { kind: 'stopped' };
  }
}

function cease(subcode: number): Notification {
  return { kind: 'notification', code: ERROR.cease, subcode, data: new Uint8Array() };
}

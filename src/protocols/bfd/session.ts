/**
 * One BFD session in asynchronous mode (RFC 5880 §6.8) without a socket, a timer or a clock: packets and time go in,
 * packets and what became of the path come out. Single-hop and multihop differ only in how packets travel.
 */
import type { Entropy, Milliseconds } from '../../model/time.ts';
import { DIAGNOSTIC, type BfdPacket, type BfdState } from './packet.ts';

export interface BfdTimers {
  /** Between our packets, at best; whole microseconds count. */
  readonly transmitInterval: Milliseconds;
  /** Between the peer's packets, at best. */
  readonly receiveInterval: Milliseconds;
  /** The peer takes so many of our packets to be missing before the path is down. */
  readonly multiplier: number;
}

export type BfdOutput =
  | { readonly kind: 'send'; readonly packet: BfdPacket }
  | { readonly kind: 'up' }
  /** Was up. A peer that goes down on purpose says nothing about the path (RFC 5882 §3.2): `administrative`. */
  | { readonly kind: 'down'; readonly administrative: boolean; readonly message: string };

export interface BfdSession {
  start(now: Milliseconds): readonly BfdOutput[];
  /** Tells the peer that the session ends on purpose, which it does not take for a broken path. */
  stop(now: Milliseconds): readonly BfdOutput[];
  /** @param packet for this session: by its discriminator, or by address as long as the peer does not know ours. */
  receive(packet: BfdPacket, now: Milliseconds): readonly BfdOutput[];
  tick(now: Milliseconds): readonly BfdOutput[];
  deadline(): Milliseconds | undefined;
  readonly state: BfdState;
  readonly discriminator: number;
  /** After how long without a packet the path is down, as things stand. */
  readonly detectionTime: Milliseconds;
}

const MICROSECONDS = 1000;
/** Not faster while the session is not up (RFC 5880 §6.8.3). */
const SLOW: Milliseconds = 1000;

export function createBfdSession(timers: BfdTimers, discriminator: number, entropy: Entropy): BfdSession {
  let state: BfdState = 'AdminDown';
  let diagnostic: number = DIAGNOSTIC.none;
  let remote: {
    state: BfdState;
    discriminator: number;
    minRx: Milliseconds;
    minTx: Milliseconds;
    multiplier: number;
    demand: boolean;
  } = forgotten();
  /** bfd.DesiredMinTxInterval. It becomes less when the session comes up, which may be done before the peer confirms it. */
  let desired = Math.max(SLOW, timers.transmitInterval);
  let polling = false;
  let sendAt: Milliseconds | undefined;
  let heardAt: Milliseconds | undefined;

  const packet = (final = false): BfdPacket => ({
    diagnostic,
    state,
    poll: polling && !final,
    final,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: timers.multiplier,
    myDiscriminator: discriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTx: Math.round(desired * MICROSECONDS),
    requiredMinRx: Math.round(timers.receiveInterval * MICROSECONDS),
    requiredMinEchoRx: 0,
  });
  const send = (final?: boolean): BfdOutput => ({ kind: 'send', packet: packet(final) });

  const detectionTime = (): Milliseconds => remote.multiplier * Math.max(timers.receiveInterval, remote.minTx);

  /** RFC 5880 §6.8.7: shortened by up to a quarter, and always by a tenth where one missing packet is too many. */
  const interval = (): Milliseconds => {
    const agreed = Math.max(desired, remote.minRx);
    const most = timers.multiplier === 1 ? 0.9 : 1;
    return agreed * (0.75 + (most - 0.75) * entropy.fraction());
  };
  const schedule = (now: Milliseconds): void => {
    // A peer that wants no packets, or none while it watches by other means (demand mode), gets none.
    const silent = remote.minRx === 0 || (remote.demand && state === 'Up' && remote.state === 'Up' && !polling);
    sendAt = silent ? undefined : now + interval();
  };

  const enter = (next: BfdState, why: number, now: Milliseconds): BfdOutput[] => {
    const was = state;
    state = next;
    diagnostic = why;
    if (next === 'Up') {
      desired = timers.transmitInterval;
      polling = true;
    } else {
      desired = Math.max(SLOW, timers.transmitInterval);
      polling = false;
    }
    schedule(now);
    const outputs: BfdOutput[] = [send()];
    if (next === 'Up') outputs.push({ kind: 'up' });
    if (was === 'Up') {
      const administrative = remote.state === 'AdminDown';
      const message = administrative
        ? 'the peer has ended BFD'
        : why === DIAGNOSTIC.detectionTimeExpired
          ? `no BFD packet for ${Math.round(detectionTime())} ms`
          : 'BFD is down at the peer';
      outputs.push({ kind: 'down', administrative, message });
    }
    return outputs;
  };

  /** The table of RFC 5880 §6.8.6. */
  const transition = (now: Milliseconds): BfdOutput[] => {
    if (remote.state === 'AdminDown') {
      return state === 'Down' ? [] : enter('Down', DIAGNOSTIC.neighborSignaledDown, now);
    }
    if (state === 'Down') {
      if (remote.state === 'Down') return enter('Init', DIAGNOSTIC.none, now);
      return remote.state === 'Init' ? enter('Up', DIAGNOSTIC.none, now) : [];
    }
    if (state === 'Init') return remote.state === 'Down' ? [] : enter('Up', DIAGNOSTIC.none, now);
    return remote.state === 'Down' ? enter('Down', DIAGNOSTIC.neighborSignaledDown, now) : [];
  };

  return {
    start(now) {
      if (state !== 'AdminDown') return [];
      remote = forgotten();
      heardAt = undefined;
      return enter('Down', DIAGNOSTIC.none, now);
    },
    stop() {
      if (state === 'AdminDown') return [];
      state = 'AdminDown';
      diagnostic = DIAGNOSTIC.administrativelyDown;
      polling = false;
      desired = Math.max(SLOW, timers.transmitInterval);
      sendAt = undefined;
      heardAt = undefined;
      return [send()];
    },
    receive(received, now) {
      if (state === 'AdminDown') return [];
      // A packet from a session that is over must not change this one (RFC 5880 §6.8.6).
      if (received.yourDiscriminator !== 0 && received.yourDiscriminator !== discriminator) return [];
      heardAt = now;
      const slower = remote.minRx;
      remote = {
        state: received.state,
        discriminator: received.myDiscriminator,
        minRx: received.requiredMinRx / MICROSECONDS,
        minTx: received.desiredMinTx / MICROSECONDS,
        multiplier: received.detectMultiplier,
        demand: received.demand,
      };
      if (received.final) polling = false;
      const outputs = transition(now);
      if (received.poll) outputs.push(send(true));
      // What comes next was planned for the interval before; a faster one counts at once.
      if (received.final || remote.minRx !== slower) schedule(now);
      else if (sendAt === undefined) schedule(now);
      return outputs;
    },
    tick(now) {
      const outputs: BfdOutput[] = [];
      if (heardAt !== undefined && now >= heardAt + detectionTime()) {
        if (state === 'Init' || state === 'Up') {
          outputs.push(...enter('Down', DIAGNOSTIC.detectionTimeExpired, now));
        }
        remote = forgotten();
        heardAt = undefined;
        schedule(now);
      }
      if (sendAt !== undefined && now >= sendAt) {
        outputs.push(send());
        schedule(now);
      }
      return outputs;
    },
    deadline() {
      const due = Math.min(sendAt ?? Infinity, heardAt === undefined ? Infinity : heardAt + detectionTime());
      return due === Infinity ? undefined : due;
    },
    get state() {
      return state;
    },
    discriminator,
    get detectionTime() {
      return detectionTime();
    },
  };
}

/** What is assumed of a peer nobody has heard of (RFC 5880 §6.8.1): one packet a microsecond. */
function forgotten() {
  return { state: 'Down' as BfdState, discriminator: 0, minRx: 0.001, minTx: 0, multiplier: 1, demand: false };
}

/** Two BFD sessions with a wire between them, in simulated time. */
import type { Milliseconds } from '../../src/model/time.ts';
import { decodeBfd, encodeBfd, type BfdPacket } from '../../src/protocols/bfd/packet.ts';
import { createBfdSession, type BfdOutput, type BfdSession, type BfdTimers } from '../../src/protocols/bfd/session.ts';
import { seededEntropy } from './bgp-world.ts';

export type End = 'a' | 'b';

export interface BfdWorld {
  readonly now: Milliseconds;
  readonly sessions: Readonly<Record<End, BfdSession>>;
  readonly events: {
    readonly end: End;
    readonly at: Milliseconds;
    readonly output: Exclude<BfdOutput, { kind: 'send' }>;
  }[];
  readonly sent: { readonly end: End; readonly at: Milliseconds; readonly packet: BfdPacket }[];
  /** Whether a packet of this end arrives. */
  arrives: (end: End) => boolean;
  start(end: End): void;
  stop(end: End): void;
  /** Another session with another discriminator takes its place. */
  restart(end: End): void;
  run(delay: Milliseconds): void;
}

export function createBfdWorld(timers: Readonly<Record<End, BfdTimers>>, seed = 1): BfdWorld {
  const entropy = seededEntropy(seed);
  let serial = 100;
  const sessions = {
    a: createBfdSession(timers.a, ++serial, entropy),
    b: createBfdSession(timers.b, ++serial, entropy),
  };
  let now: Milliseconds = 5000;
  let inFlight: { at: Milliseconds; to: End; bytes: Uint8Array }[] = [];
  const take = (end: End, outputs: readonly BfdOutput[]): void => {
    for (const output of outputs) {
      if (output.kind !== 'send') {
        world.events.push({ end, at: now, output });
        continue;
      }
      world.sent.push({ end, at: now, packet: output.packet });
      if (world.arrives(end))
        inFlight.push({ at: now + 1, to: end === 'a' ? 'b' : 'a', bytes: encodeBfd(output.packet) });
    }
  };
  const world: BfdWorld = {
    get now() {
      return now;
    },
    sessions,
    events: [],
    sent: [],
    arrives: () => true,
    start: (end) => take(end, sessions[end].start(now)),
    stop: (end) => take(end, sessions[end].stop(now)),
    restart: (end) => {
      sessions[end] = createBfdSession(timers[end], ++serial, entropy);
      take(end, sessions[end].start(now));
    },
    run(delay) {
      const until = now + delay;
      for (let steps = 0; ; steps++) {
        if (steps > 1_000_000) throw new Error('no end of it');
        const next = Math.min(
          ...inFlight.map(({ at }) => at),
          sessions.a.deadline() ?? Infinity,
          sessions.b.deadline() ?? Infinity,
        );
        if (next > until) break;
        now = Math.max(now, next);
        const due = inFlight.filter(({ at }) => at <= now);
        inFlight = inFlight.filter(({ at }) => at > now);
        for (const { to, bytes } of due) take(to, sessions[to].receive(decodeBfd(bytes), now));
        for (const end of ['a', 'b'] as const) {
          if ((sessions[end].deadline() ?? Infinity) <= now) take(end, sessions[end].tick(now));
        }
      }
      now = until;
    },
  };
  return world;
}

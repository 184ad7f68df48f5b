/**
 * A peer that does everything wrong: no crash, no memory that grows, sessions reset where RFC 7606 says so and nowhere
 * else. `HOSTILE_BGP_MESSAGES=1000000` for the long run.
 */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { BgpDecodeError } from '../../../src/protocols/bgp/error.ts';
import { createFramer } from '../../../src/protocols/bgp/framing.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/protocols/bgp/message.ts';
import type { PeerOutput } from '../../../src/protocols/bgp/session/events.ts';
import { createPeer } from '../../../src/protocols/bgp/session/peer.ts';
import { hostileVolley, open } from '../../support/bgp/hostile.ts';
import { CONFIG, route, seededEntropy } from '../../support/bgp-world.ts';
import { chanceFrom, seedFrom } from '../../support/chance.ts';
import { bytesInUse } from '../../support/heap.ts';

const MESSAGES = Number(process.env['HOSTILE_BGP_MESSAGES'] ?? 20_000);
const SEED = seedFrom(process.env['FUZZ_SEED']);
const ROUTES = 10;
/** Of our memory, for a peer that has sent millions of routes. */
const MOST_GROWTH_MB = 5;

/** What one stream of bytes has to lead to. */
function verdict(
  stream: Uint8Array,
): { code: number; subcode: number } | 'ended by the peer' | 'second OPEN' | undefined {
  try {
    for (const frame of createFramer().push(stream)) {
      const message = decodeMessage(frame);
      if (message.kind === 'notification') return 'ended by the peer';
      if (message.kind === 'open') return 'second OPEN';
    }
  } catch (error) {
    if (error instanceof BgpDecodeError) return { code: error.code, subcode: error.subcode };
    throw error;
  }
  return undefined;
}

/** Whether a message is left that is not all there: what follows would be taken for its rest. */
function endsInTheMiddle(stream: Uint8Array): boolean {
  let read = 0;
  try {
    for (const { body } of createFramer().push(stream)) read += 19 + body.length;
  } catch (error) {
    if (error instanceof BgpDecodeError) return false;
    throw error;
  }
  return read < stream.length;
}

describe(`a hostile BGP peer with ${MESSAGES} messages (FUZZ_SEED=${SEED})`, () => {
  it('costs itself the session and us nothing', async () => {
    const chance = chanceFrom(SEED);
    const peer = createPeer({ ...CONFIG.a, passive: true }, seededEntropy(SEED));
    const theirs = CONFIG.b;
    let now = 0;
    let token = 0;
    let sent = 0;
    const tally: Record<string, number> = {};
    const handled = (outputs: readonly PeerOutput[]): Message[] =>
      outputs.flatMap((output) =>
        output.kind === 'send' ? [...createFramer().push(output.bytes)].map((frame) => decodeMessage(frame)) : [],
      );
    peer.handle({ kind: 'start' }, now);
    peer.handle({ kind: 'routes', routes: Array.from({ length: ROUTES }, (_, i) => route(`10.99.0.${i}/32`)) }, now);

    /** Calls, until a session stands. Half-open connections may be left behind on the way. */
    const establish = (): number => {
      for (let tries = 0; tries < 100; tries++) {
        now += 6000;
        peer.handle({ kind: 'tick' }, now);
        if (chance.happens(0.2)) peer.handle({ kind: 'incoming', token: ++token, localIp: ip('10.77.0.11') }, now);
        const answer = peer.handle({ kind: 'incoming', token: ++token, localIp: ip('10.77.0.11') }, now);
        const accepted = answer.find((output) => output.kind === 'accept');
        if (accepted === undefined) continue;
        const { connection } = accepted;
        const hello = Buffer.concat([open(theirs), encodeMessage({ kind: 'keepalive' })]);
        // A slow writer says it byte by byte.
        if (chance.happens(0.1))
          for (const byte of hello) peer.handle({ kind: 'data', connection, bytes: Uint8Array.of(byte) }, now);
        else peer.handle({ kind: 'data', connection, bytes: hello }, now);
        expect(peer.state).toBe('Established');
        return connection;
      }
      throw new Error('no session any more');
    };

    let connection = establish();
    let heap = 0;
    let resets = 0;
    for (let rounds = 0; sent < MESSAGES; rounds++) {
      if (rounds % 500 === 499) {
        await setImmediate();
        if (rounds === 499) heap = bytesInUse();
      }
      const { kind, messages } = hostileVolley(chance, theirs);
      sent += messages.length;
      tally[kind] = (tally[kind] ?? 0) + messages.length;
      const stream = Buffer.concat(messages);
      const expected = verdict(stream);
      const outputs: PeerOutput[] = [];
      const congested = chance.happens(0.05);
      if (congested) peer.handle({ kind: 'congested', connection }, now);
      const step = chance.happens(0.1)
        ? 1 + chance.below(9)
        : chance.happens(0.5)
          ? 1 + chance.below(2000)
          : stream.length;
      for (let at = 0; at < stream.length; at += step) {
        outputs.push(...peer.handle({ kind: 'data', connection, bytes: stream.subarray(at, at + step) }, now));
      }
      if (congested) outputs.push(...peer.handle({ kind: 'drained', connection }, now));
      now += 1;
      outputs.push(...peer.handle({ kind: 'tick' }, now));
      const said = handled(outputs);
      // Nothing that is asked can make us say more than everything once.
      expect(said.length).toBeLessThanOrEqual(ROUTES + 5);
      const notifications = said.filter((message) => message.kind === 'notification');
      if (expected === undefined) {
        expect(peer.state, kind).toBe('Established');
        expect(notifications).toEqual([]);
        if (!endsInTheMiddle(stream)) continue;
        // Only the end of the connection helps here.
        peer.handle({ kind: 'lost', connection, message: 'reset' }, now);
      } else {
        expect(peer.state, kind).not.toBe('Established');
        if (expected === 'ended by the peer') expect(notifications).toEqual([]);
        else if (expected === 'second OPEN') expect(notifications).toMatchObject([{ code: 5, subcode: 3 }]);
        else expect(notifications).toMatchObject([expected]);
        expect(outputs.some((output) => output.kind === 'close' && output.connection === connection)).toBe(true);
      }
      resets++;
      connection = establish();
    }
    const growth = (bytesInUse() - heap) / 2 ** 20;
    const { announced, faulty, looped } = peer.received();
    console.log(
      `${sent} messages ${JSON.stringify(tally)}: ${resets} sessions ended, ${announced} routes counted, ${faulty} faulty UPDATEs, ${looped} looped routes, heap ${growth.toFixed(1)} MB`,
    );
    expect(peer.announced()).toEqual({ 4: ROUTES, 6: 0 });
    expect(growth).toBeLessThan(MOST_GROWTH_MB);
    for (const count of [resets, announced, faulty, looped]) expect(count).toBeGreaterThan(0);
  }, 3_600_000);
});

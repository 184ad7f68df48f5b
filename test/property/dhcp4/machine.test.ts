/** Whatever happens to the client, in whatever order: what it must never do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { macFromBytes } from '../../../src/model/mac.ts';
import type { ClientOutput, Reply } from '../../../src/protocols/dhcp4/client/events.ts';
import { expiryOf } from '../../../src/protocols/dhcp-client/lease-times.ts';
import type { HeldLease } from '../../../src/protocols/dhcp4/client/lease.ts';
import { createDhcpClient } from '../../../src/protocols/dhcp4/client/machine.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { encodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { addressesValue, byteOption, byteValue, secondsValue } from '../../../src/protocols/dhcp4/options.ts';
import { seededEntropy } from '../../unit/dhcp4/model-server.ts';

type Event =
  | { kind: 'start' | 'stop' | 'hurry' | 'resume' | 'release' | 'conflict' }
  | { kind: 'pass'; delay: number }
  | { kind: 'reply'; type: number; ip: Ip; server: Ip; lease: number; t1: number; t2: number; foreign: boolean };

const host = fc.constantFrom('10.77.0.5', '10.77.0.6', '0.0.0.0', '224.0.0.1').map(ip);
const server = fc.constantFrom('10.77.0.1', '10.77.0.2').map(ip);
const time = fc.constantFrom(0, 1, 60, 120, 3600, 0xffff_fffe, 0xffff_ffff);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom('start', 'stop', 'hurry', 'resume', 'release', 'conflict').map((kind) => ({ kind })),
  fc.record({ kind: fc.constant('pass' as const), delay: fc.constantFrom(0, 1, 3000, 10_000, 100_000, 4_000_000) }),
  fc.record({
    kind: fc.constant('reply' as const),
    type: fc.constantFrom(MESSAGE_TYPE.offer, MESSAGE_TYPE.ack, MESSAGE_TYPE.nak, MESSAGE_TYPE.discover),
    ip: host,
    server,
    lease: time,
    t1: time,
    t2: time,
    foreign: fc.boolean(),
  }),
);

const IDENTITY = identityOf('uid-web');
const OLD: HeldLease['terms'] = {
  ip: ip('10.77.0.5'),
  server: ip('10.77.0.1'),
  leaseSeconds: 120,
  renewSeconds: 60,
  rebindSeconds: 105,
};

describe('the DHCPv4 client', () => {
  it('keeps to the rules under any sequence of events', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat(), (events, seed) => {
        const client = createDhcpClient({ ...IDENTITY, hostname: 'web' }, seededEntropy(seed));
        let now = 5_000_000;
        let silent = true;
        let held: HeldLease | undefined;
        const take = (outputs: readonly ClientOutput[]): void => {
          for (const output of outputs) {
            if (output.kind === 'bound') held = output.lease;
            if (output.kind === 'lost') held = undefined;
            if (output.kind !== 'send') continue;
            expect(silent, 'sent although it was stopped').toBe(false);
            const { message, sourceIp } = output;
            expect(() => encodeMessage(message)).not.toThrow();
            expect(message).toMatchObject({ op: 1, flags: 0x8000, chaddr: IDENTITY.mac, xid: client.transaction });
            // Only an address that is ours is sent from.
            expect(sourceIp).toBe(message.ciaddr);
          }
          // A deadline is never in the past once its tick has been given.
          const due = client.deadline();
          if (due !== undefined) expect(due).toBeGreaterThanOrEqual(now);
          // The lease that it says it has is the one that was last granted, and is not over.
          if (client.lease !== undefined && client.state !== 'REBOOTING') {
            expect(client.lease).toBe(held);
            expect(expiryOf(client.lease)).toBeGreaterThanOrEqual(now);
          }
        };

        for (const each of events) {
          switch (each.kind) {
            case 'start':
              silent = false;
              held = client.state === 'DECLINING' ? held : undefined;
              take(client.handle({ kind: 'start' }, now));
              break;
            case 'resume': {
              silent = false;
              const lease = { terms: OLD, since: now - 30_000 };
              held = lease;
              take(client.handle({ kind: 'resume', lease }, now));
              break;
            }
            case 'stop':
              take(client.handle({ kind: 'stop' }, now));
              silent = true;
              break;
            case 'release':
            case 'conflict': {
              const lease = client.lease ?? { terms: OLD, since: now };
              silent = false;
              const outputs = client.handle({ kind: each.kind, lease }, now);
              const types = outputs.map(
                (output) => output.kind === 'send' && byteOption(output.message.options, OPTION.messageType),
              );
              expect(types).toEqual([each.kind === 'release' ? MESSAGE_TYPE.release : MESSAGE_TYPE.decline]);
              take(outputs);
              silent = true;
              held = undefined;
              expect(client.lease).toBeUndefined();
              break;
            }
            case 'hurry':
              take(client.handle({ kind: 'hurry' }, now));
              break;
            case 'pass': {
              const end = now + each.delay;
              for (let ticks = 0; ; ticks++) {
                expect(ticks, 'ticks without end').toBeLessThan(10_000);
                const due = client.deadline();
                if (due === undefined || due > end) break;
                now = due;
                take(client.handle({ kind: 'tick' }, now));
                expect(client.deadline() ?? Infinity, 'asks for a tick at the same time again').toBeGreaterThan(now);
              }
              now = end;
              break;
            }
            case 'reply':
              take(client.handle({ kind: 'message', reply: reply(each, client.transaction) }, now));
          }
        }
      }),
      { numRuns: 1500 },
    );
  });
});

function reply(event: Extract<Event, { kind: 'reply' }>, xid: number): Reply {
  return {
    sourceIp: event.server,
    sourceMac: macFromBytes(Uint8Array.of(2, 0, 0, 0, 0, 1)),
    message: {
      op: 2,
      hops: 0,
      xid: event.foreign ? xid ^ 1 : xid,
      secs: 0,
      flags: 0,
      ciaddr: ip('0.0.0.0'),
      yiaddr: event.ip,
      siaddr: ip('0.0.0.0'),
      giaddr: ip('0.0.0.0'),
      chaddr: IDENTITY.mac,
      sname: '',
      file: '',
      options: new Map([
        [OPTION.messageType, byteValue(event.type)],
        [OPTION.serverIdentifier, addressesValue(event.server)],
        [OPTION.leaseTime, secondsValue(event.lease)],
        [OPTION.renewalTime, secondsValue(event.t1)],
        [OPTION.rebindingTime, secondsValue(event.t2)],
      ]),
    },
  };
}

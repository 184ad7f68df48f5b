/** Whatever happens to the client, in whatever order: what it must never do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../../src/model/bytes.ts';
import { ip, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import { expiryOf } from '../../../src/protocols/dhcp-client/lease-times.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import type { ClientOutput, Reply } from '../../../src/protocols/dhcp6/client/events.ts';
import type { HeldLease } from '../../../src/protocols/dhcp6/client/lease.ts';
import { createDhcp6Client } from '../../../src/protocols/dhcp6/client/machine.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp6/codes.ts';
import { dhcp6IdentityOf } from '../../../src/protocols/dhcp6/identity.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/dhcp6/message.ts';
import { encodeOptions, longValue, optionOf, shortValue, type Option } from '../../../src/protocols/dhcp6/options.ts';
import { seededEntropy } from '../../unit/dhcp4/model-server.ts';

interface Answer {
  kind: 'reply';
  type: number;
  ip: Ip;
  server: number;
  valid: number;
  preferred: number;
  t1: number;
  t2: number;
  status: number;
  inside: boolean;
  foreign: boolean;
}
type Event =
  | { kind: 'start' | 'stop' | 'hurry' | 'resume' | 'release' | 'conflict' | 'abandon' }
  | { kind: 'pass'; delay: number }
  | Answer;

const time = fc.constantFrom(0, 1, 60, 120, 3600, 0xffff_fffe, 0xffff_ffff);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc
    .constantFrom('start', 'stop', 'hurry', 'resume', 'release', 'conflict', 'abandon')
    .map((kind): Event => ({ kind })),
  fc.record({
    kind: fc.constant('pass' as const),
    delay: fc.constantFrom(0, 1, 100, 3000, 10_000, 100_000, 4_000_000),
  }),
  fc.record({
    kind: fc.constant('reply' as const),
    type: fc.constantFrom(MESSAGE_TYPE.advertise, MESSAGE_TYPE.reply, MESSAGE_TYPE.reply, MESSAGE_TYPE.reconfigure),
    ip: fc.constantFrom('fd77::5', 'fd77::6', '::', '::1', 'ff02::1', 'fe80::5').map(ip),
    server: fc.constantFrom(1, 2),
    valid: time,
    preferred: time,
    t1: time,
    t2: time,
    status: fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 5, 99),
    inside: fc.boolean(),
    foreign: fc.constantFrom(false, false, false, true),
  }),
);

const IDENTITY = dhcp6IdentityOf(identityOf('uid-web').clientId);
const OLD: HeldLease['terms'] = {
  ip: ip('fd77::5'),
  server: ip('fe80::1'),
  serverId: '0001',
  leaseSeconds: 120,
  renewSeconds: 60,
  rebindSeconds: 105,
};
const LASTING: readonly number[] = [
  MESSAGE_TYPE.renew,
  MESSAGE_TYPE.release,
  MESSAGE_TYPE.decline,
  MESSAGE_TYPE.request,
];

describe('the DHCPv6 client', () => {
  it('keeps to the rules under any sequence of events', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat(), (events, seed) => {
        const client = createDhcp6Client({ ...IDENTITY, hostname: 'web' }, seededEntropy(seed));
        let now = 5_000_000;
        let silent = true;
        let held: HeldLease | undefined;
        const take = (outputs: readonly ClientOutput[]): void => {
          for (const output of outputs) {
            if (output.kind === 'bound') {
              held = output.lease;
              // Nothing that cannot stand on an interface of the LAN, and never without a pause before more is asked.
              expect(['fd77::5', 'fd77::6']).toContain(held.terms.ip);
              expect(held.terms.renewSeconds).toBeGreaterThanOrEqual(1);
              expect(held.terms.leaseSeconds).toBeGreaterThan(0);
            }
            if (output.kind === 'lost') held = undefined;
            if (output.kind !== 'send') continue;
            expect(silent, 'sent although it was stopped').toBe(false);
            const { message } = output;
            expect(decodeMessage(encodeMessage(message))).toEqual(message);
            expect(optionOf(message.options, OPTION.clientIdentifier)).toEqual(IDENTITY.duid);
            // RFC 8415 §16: which messages name a server, and which must not.
            const named = optionOf(message.options, OPTION.serverIdentifier) !== undefined;
            expect(named, `message of type ${message.type}`).toBe(LASTING.includes(message.type));
            expect(optionOf(message.options, OPTION.elapsedTime)).toHaveLength(2);
            expect(optionOf(message.options, OPTION.identityAssociation)).toBeDefined();
          }
          // A deadline is never in the past once its tick has been given.
          const due = client.deadline();
          if (due !== undefined) expect(due).toBeGreaterThanOrEqual(now);
          // The lease that it says it has is the one that was last granted, and is not over.
          if (client.lease !== undefined && client.state !== 'RESUMING') {
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
            case 'abandon': {
              const granted = client.lease?.terms.ip;
              const outputs = client.handle({ kind: 'abandon' }, now);
              if (granted !== undefined) expect(typesOf(outputs)).toEqual([MESSAGE_TYPE.release]);
              expect(typesOf(outputs).every((type) => type === MESSAGE_TYPE.release)).toBe(true);
              take(outputs);
              silent = true;
              held = undefined;
              break;
            }
            case 'release':
            case 'conflict': {
              const lease = client.lease ?? { terms: OLD, since: now };
              silent = false;
              const outputs = client.handle({ kind: each.kind, lease }, now);
              expect(typesOf(outputs)).toEqual([each.kind === 'release' ? MESSAGE_TYPE.release : MESSAGE_TYPE.decline]);
              take(outputs);
              silent = each.kind === 'release';
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
      { numRuns: 2000 },
    );
  });
});

function typesOf(outputs: readonly ClientOutput[]): number[] {
  return outputs.flatMap((output) => (output.kind === 'send' ? [output.message.type] : []));
}

function reply(each: Answer, transactionId: number): Reply {
  const status: Option[] =
    each.status === 0
      ? []
      : [{ code: OPTION.statusCode, value: concat(shortValue(each.status), Uint8Array.of(0x6e, 0x6f)) }];
  const address = {
    code: OPTION.address,
    value: concat(ipToBytes(each.ip), longValue(each.preferred), longValue(each.valid)),
  };
  const inner = encodeOptions([address, ...(each.inside ? status : [])]);
  return {
    sourceIp: ip('fe80::1'),
    message: {
      type: each.type,
      transactionId: each.foreign ? transactionId ^ 1 : transactionId,
      options: [
        { code: OPTION.clientIdentifier, value: IDENTITY.duid },
        { code: OPTION.serverIdentifier, value: Uint8Array.of(0, each.server) },
        {
          code: OPTION.identityAssociation,
          value: concat(longValue(IDENTITY.iaid), longValue(each.t1), longValue(each.t2), inner),
        },
        ...(each.inside ? [] : status),
      ],
    },
  };
}

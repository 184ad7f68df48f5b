/** Whatever happens to the client, in whatever order: what it must never do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../../src/model/bytes.ts';
import { ip, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import type { Reply } from '../../../src/protocols/dhcp6/client/events.ts';
import { createDhcp6Client } from '../../../src/protocols/dhcp6/client/machine.ts';
import type { Design } from '../../../src/protocols/dhcp6/client/state.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp6/codes.ts';
import { dhcp6IdentityOf } from '../../../src/protocols/dhcp6/identity.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/dhcp6/message.ts';
import { encodeOptions, longValue, optionOf, shortValue, type Option } from '../../../src/protocols/dhcp6/options.ts';
import { clientEvents, keepsToTheRules, type ClientFacts } from '../../support/dhcp-client-rules.ts';
import { seededEntropy } from '../../unit/dhcp4/model-server.ts';

interface Answer {
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
  /** With the option Rapid Commit, and with another address beside. */
  committed: boolean;
  two: boolean;
}

const time = fc.constantFrom(0, 1, 60, 120, 3600, 0xffff_fffe, 0xffff_ffff);
const answer: fc.Arbitrary<Answer> = fc.record({
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
  committed: fc.boolean(),
  two: fc.boolean(),
});

const IDENTITY = dhcp6IdentityOf(identityOf('uid-web').clientId);
/** Messages to the server of a lease, or of an offer. */
const NAMING_A_SERVER: readonly number[] = [
  MESSAGE_TYPE.renew,
  MESSAGE_TYPE.release,
  MESSAGE_TYPE.decline,
  MESSAGE_TYPE.request,
];
const FACTS: ClientFacts<Design, Answer> = {
  old: {
    ...{ ip: ip('fd77::5'), server: ip('fe80::1'), serverId: '0001' },
    ...{ leaseSeconds: 120, renewSeconds: 60, rebindSeconds: 105 },
  },
  resuming: 'RESUMING',
  release: MESSAGE_TYPE.release,
  decline: MESSAGE_TYPE.decline,
  repeatsDecline: true,
  typeOf: ({ message }) => message.type,
  reply,
  sent({ message }) {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
    expect(optionOf(message.options, OPTION.clientIdentifier)).toEqual(IDENTITY.duid);
    // RFC 8415 §16: which messages name a server, and which must not.
    const named = optionOf(message.options, OPTION.serverIdentifier) !== undefined;
    expect(named, `message of type ${message.type}`).toBe(NAMING_A_SERVER.includes(message.type));
    expect(optionOf(message.options, OPTION.elapsedTime)).toHaveLength(2);
    expect(optionOf(message.options, OPTION.identityAssociation)).toBeDefined();
    expect(optionOf(message.options, OPTION.rapidCommit) !== undefined).toBe(message.type === MESSAGE_TYPE.solicit);
  },
  bound({ terms }) {
    // Nothing that cannot stand on an interface of the LAN, and never without a pause before more is asked.
    expect(['fd77::5', 'fd77::6', 'fd78::7']).toContain(terms.ip);
    expect(terms.renewSeconds).toBeGreaterThanOrEqual(1);
    expect(terms.leaseSeconds).toBeGreaterThan(0);
  },
};

describe('the DHCPv6 client', () => {
  it('keeps to the rules under any sequence of events', () => {
    fc.assert(
      fc.property(clientEvents(answer), fc.nat(), (events, seed) => {
        keepsToTheRules(createDhcp6Client({ ...IDENTITY, hostname: 'web' }, seededEntropy(seed)), events, FACTS);
      }),
      { numRuns: 2000 },
    );
  });
});

function reply(each: Answer, transactionId: number): Reply {
  const status: Option[] =
    each.status === 0
      ? []
      : [{ code: OPTION.statusCode, value: concat(shortValue(each.status), Uint8Array.of(0x6e, 0x6f)) }];
  const address = (of: Ip): Option => ({
    code: OPTION.address,
    value: concat(ipToBytes(of), longValue(each.preferred), longValue(each.valid)),
  });
  const addresses = [address(each.ip), ...(each.two ? [address(ip('fd78::7'))] : [])];
  const inner = encodeOptions([...addresses, ...(each.inside ? status : [])]);
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
        ...(each.committed ? [{ code: OPTION.rapidCommit, value: Uint8Array.of() }] : []),
      ],
    },
  };
}

/** Whatever happens to the client, in whatever order: what it must never do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { macFromBytes } from '../../../src/model/mac.ts';
import type { Reply } from '../../../src/protocols/dhcp4/client/events.ts';
import { createDhcpClient } from '../../../src/protocols/dhcp4/client/machine.ts';
import type { Design } from '../../../src/protocols/dhcp4/client/state.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { encodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { addressesValue, byteOption, byteValue, secondsValue } from '../../../src/protocols/dhcp4/options.ts';
import { clientEvents, keepsToTheRules, type ClientFacts } from '../../support/dhcp-client-rules.ts';
import { seededEntropy } from '../../unit/dhcp4/model-server.ts';

interface Answer {
  type: number;
  ip: Ip;
  server: Ip;
  lease: number;
  t1: number;
  t2: number;
  foreign: boolean;
}

const time = fc.constantFrom(0, 1, 60, 120, 3600, 0xffff_fffe, 0xffff_ffff);
const answer: fc.Arbitrary<Answer> = fc.record({
  type: fc.constantFrom(MESSAGE_TYPE.offer, MESSAGE_TYPE.ack, MESSAGE_TYPE.nak, MESSAGE_TYPE.discover),
  ip: fc.constantFrom('10.77.0.5', '10.77.0.6', '0.0.0.0', '224.0.0.1').map(ip),
  server: fc.constantFrom('10.77.0.1', '10.77.0.2').map(ip),
  lease: time,
  t1: time,
  t2: time,
  foreign: fc.boolean(),
});

const IDENTITY = identityOf('uid-web');
const FACTS: ClientFacts<Design, Answer> = {
  old: { ip: ip('10.77.0.5'), server: ip('10.77.0.1'), leaseSeconds: 120, renewSeconds: 60, rebindSeconds: 105 },
  resuming: 'REBOOTING',
  release: MESSAGE_TYPE.release,
  decline: MESSAGE_TYPE.decline,
  repeatsDecline: false,
  typeOf: ({ message }) => byteOption(message.options, OPTION.messageType),
  reply,
  sent({ message, sourceIp }, xid) {
    expect(() => encodeMessage(message)).not.toThrow();
    expect(message).toMatchObject({ op: 1, flags: 0x8000, chaddr: IDENTITY.mac, xid });
    // Only an address that is ours is sent from.
    expect(sourceIp).toBe(message.ciaddr);
  },
};

describe('the DHCPv4 client', () => {
  it('keeps to the rules under any sequence of events', () => {
    fc.assert(
      fc.property(clientEvents(answer), fc.nat(), (events, seed) => {
        keepsToTheRules(createDhcpClient({ ...IDENTITY, hostname: 'web' }, seededEntropy(seed)), events, FACTS);
      }),
      { numRuns: 1500 },
    );
  });
});

function reply(event: Answer, xid: number): Reply {
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

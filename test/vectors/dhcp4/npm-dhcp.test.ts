/**
 * A second opinion: npm's `dhcp` reads what we write, and we read what it writes. Its known faults are kept out of its
 * way: a PAD option makes it skip a byte too many, and every option outside its table is printed and dropped.
 */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac, type Mac } from '../../../src/model/mac.ts';
import { OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../src/protocols/dhcp4/message.ts';
import {
  addressesOption,
  addressesValue,
  addressOption,
  byteOption,
  byteValue,
  secondsOption,
  secondsValue,
  shortValue,
  textOption,
  textValue,
} from '../../../src/protocols/dhcp4/options.ts';
import * as recorded from './frames.ts';
import { decodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';

interface TheirMessage {
  op: number;
  htype: number;
  hlen: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: string;
  yiaddr: string;
  siaddr: string;
  giaddr: string;
  chaddr: string;
  sname: string;
  file: string;
  options: Record<number, unknown>;
}
interface Theirs {
  parse(bytes: Buffer): TheirMessage;
  format(message: TheirMessage): { readonly _data: Buffer; readonly _w: number };
}
const theirs = createRequire(import.meta.url)('dhcp/lib/protocol.js') as Theirs;

const address = fc.integer({ min: 0, max: 0xffff_ffff }).map((n) => ip([24, 16, 8, 0].map((s) => (n >>> s) & 0xff).join('.')));
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => parseMac(Buffer.from(bytes).toString('hex').replace(/..(?=.)/g, '$&:'))!);
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/);
const seconds = fc.integer({ min: 0, max: 0xffff_ffff });

interface Facts {
  op: 1 | 2;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: Ip;
  yiaddr: Ip;
  siaddr: Ip;
  giaddr: Ip;
  chaddr: Mac;
  sname: string;
  file: string;
  type: number;
  hostname: string;
  mask: Ip;
  routers: Ip[];
  dns: Ip[];
  lease: number;
  t1: number;
  t2: number;
  server: Ip;
  wanted: Ip;
  parameters: number[];
  size: number;
}
const facts: fc.Arbitrary<Facts> = fc.record({
  op: fc.constantFrom(1 as const, 2 as const),
  hops: fc.nat(255),
  xid: seconds,
  secs: fc.nat(0xffff),
  flags: fc.constantFrom(0, 0x8000),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: mac,
  sname: fc.oneof(fc.constant(''), word),
  file: fc.oneof(fc.constant(''), word),
  type: fc.integer({ min: 1, max: 8 }),
  hostname: word,
  mask: address,
  routers: fc.array(address, { minLength: 1, maxLength: 4 }),
  dns: fc.array(address, { minLength: 1, maxLength: 8 }),
  lease: seconds,
  t1: seconds,
  t2: seconds,
  server: address,
  wanted: address,
  parameters: fc.array(fc.integer({ min: 1, max: 254 }), { minLength: 1, maxLength: 20 }),
  size: fc.integer({ min: 576, max: 0xffff }),
});

function ours(f: Facts): DhcpMessage {
  const { op, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file } = f;
  const options = new Map([
    [OPTION.messageType, byteValue(f.type)],
    [OPTION.hostName, textValue(f.hostname)],
    [OPTION.subnetMask, addressesValue(f.mask)],
    [OPTION.router, addressesValue(...f.routers)],
    [OPTION.domainNameServer, addressesValue(...f.dns)],
    [OPTION.leaseTime, secondsValue(f.lease)],
    [OPTION.renewalTime, secondsValue(f.t1)],
    [OPTION.rebindingTime, secondsValue(f.t2)],
    [OPTION.serverIdentifier, addressesValue(f.server)],
    [OPTION.requestedAddress, addressesValue(f.wanted)],
    [OPTION.parameterRequestList, Uint8Array.from(f.parameters)],
    [OPTION.maximumMessageSize, shortValue(f.size)],
  ]);
  return { op, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file, options };
}

function inTheirWords(f: Facts): TheirMessage {
  const { op, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file } = f;
  return {
    ...{ op, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, sname, file },
    htype: 1,
    hlen: 6,
    chaddr: chaddr.toUpperCase().replaceAll(':', '-'),
    options: {
      1: f.mask,
      3: f.routers,
      6: f.dns,
      12: f.hostname,
      50: f.wanted,
      51: f.lease,
      53: f.type,
      54: f.server,
      55: f.parameters,
      57: f.size,
      58: f.t1,
      59: f.t2,
    },
  };
}

describe('npm dhcp', () => {
  it('reads what we write', () => {
    fc.assert(
      fc.property(facts, (f) => {
        expect(theirs.parse(Buffer.from(encodeMessage(ours(f))))).toMatchObject(inTheirWords(f) as never);
      }),
      { numRuns: 300 },
    );
  });

  it('writes what we read', () => {
    fc.assert(
      fc.property(facts, (f) => {
        const { _data, _w } = theirs.format(inTheirWords(f));
        const { options, ...header } = decodeMessage(_data.subarray(0, _w));
        const { options: expected, ...expectedHeader } = ours(f);
        expect(header).toEqual(expectedHeader);
        expect(new Map([...options].sort())).toEqual(new Map([...expected].sort()));
      }),
      { numRuns: 300 },
    );
  });

  it('and we agree on what dnsmasq granted', () => {
    const { payload } = decodeUdpFrame(recorded.DNSMASQ_ACK);
    const { options } = decodeMessage(payload);
    expect(theirs.parse(Buffer.from(payload)).options).toMatchObject({
      1: addressOption(options, OPTION.subnetMask),
      3: addressesOption(options, OPTION.router),
      6: addressesOption(options, OPTION.domainNameServer),
      15: textOption(options, OPTION.domainName),
      51: secondsOption(options, OPTION.leaseTime),
      53: byteOption(options, OPTION.messageType),
      58: secondsOption(options, OPTION.renewalTime),
      59: secondsOption(options, OPTION.rebindingTime),
    });
  });
});

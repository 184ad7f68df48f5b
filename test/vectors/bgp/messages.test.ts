/** Bytes laid out by hand from the figures of the RFCs. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { asnOf } from '../../../src/protocols/bgp/open.ts';
import { BgpDecodeError } from '../../../src/protocols/bgp/error.ts';
import { createFramer } from '../../../src/protocols/bgp/framing.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/protocols/bgp/message.ts';
import { communicationIn, describeNotification, shutdown } from '../../../src/protocols/bgp/notification.ts';
import { nlriOf, parsePrefix, prefixesIn, type Prefix } from '../../../src/protocols/bgp/prefix.ts';
import { endOfRib, type Update } from '../../../src/protocols/bgp/update.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const MARKER = 'ffffffffffffffffffffffffffffffff';
const whole = (type: number, body: string): Uint8Array => {
  const content = bytes(body);
  const length = (19 + content.length).toString(16).padStart(4, '0');
  return bytes(`${MARKER} ${length} 0${type} ${body}`);
};
const decode = (data: Uint8Array, as4 = true): Message => {
  const [frame] = [...createFramer().push(data)];
  if (frame === undefined) throw new Error('not a whole message');
  return decodeMessage(frame, as4);
};
const refusal = (data: Uint8Array): readonly [number, number, string] => {
  try {
    decode(data);
  } catch (error) {
    if (error instanceof BgpDecodeError)
      return [error.code, error.subcode, Buffer.from(error.data).toString('hex')];
    throw error;
  }
  throw new Error('accepted');
};
const prefix = (text: string): Prefix => parsePrefix(text)!;

describe('OPEN', () => {
  const OPEN = `04 5ba0 005a 0a4d000b 30
    02 06 01 04 0001 00 01
    02 06 01 04 0002 00 01
    02 02 02 00
    02 06 41 04 fa56ea00
    02 08 05 06 0001 0001 0002
    02 08 40 06 8078 0001 01 80`;
  const open: Message = {
    kind: 'open',
    as2: 23456,
    holdTime: 90,
    identifier: ip('10.77.0.11'),
    capabilities: [
      { kind: 'multiprotocol', afi: 1, safi: 1 },
      { kind: 'multiprotocol', afi: 2, safi: 1 },
      { kind: 'route-refresh' },
      { kind: 'four-octet-as', asn: 4_200_000_000 },
      { kind: 'extended-next-hop', routes: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
      {
        kind: 'graceful-restart',
        restarted: true,
        notification: false,
        seconds: 120,
        families: [{ afi: 1, safi: 1, forwarding: true }],
      },
    ],
  };

  it('says who the speaker is and what it can do', () => {
    expect(encodeMessage(open)).toEqual(whole(1, OPEN));
    expect(decode(whole(1, OPEN))).toEqual(open);
    expect(asnOf(open)).toBe(4_200_000_000);
  });

  it('reads several capabilities in one parameter, unknown ones and those of a wrong length included', () => {
    const one = whole(1, '04 fde8 0000 0a4d000b 10 02 0e 80 00 02 00 47 01 ff 41 03 00fde8 46 00');
    expect(decode(one)).toMatchObject({
      as2: 65000,
      capabilities: [
        { kind: 'other', code: 128, value: bytes('') },
        { kind: 'route-refresh' },
        { kind: 'other', code: 71, value: bytes('ff') },
        { kind: 'other', code: 65, value: bytes('00fde8') },
        { kind: 'other', code: 70 },
      ],
    });
  });

  it('reads parameters with long lengths (RFC 9072)', () => {
    const long = whole(1, '04 fde8 005a 0a4d000b ff ff 0009 02 0006 01 04 0001 00 01');
    expect(decode(long)).toMatchObject({ capabilities: [{ kind: 'multiprotocol', afi: 1, safi: 1 }] });
  });

  it.each([
    ['another version', '03 fde8 005a 0a4d000b 00', [2, 1, '0004']],
    ['a hold time of two seconds', '04 fde8 0002 0a4d000b 00', [2, 6, '']],
    ['no identifier', '04 fde8 005a 00000000 00', [2, 3, '']],
    ['AS 0', '04 0000 005a 0a4d000b 00', [2, 2, '']],
    ['AS 0 in four octets', '04 5ba0 005a 0a4d000b 08 02 06 41 04 00000000', [2, 2, '']],
    ['a parameter nobody knows', '04 fde8 005a 0a4d000b 03 01 01 00', [2, 4, '']],
    ['parameters that are cut off', '04 fde8 005a 0a4d000b 04 02 06 01 04', [2, 0, '']],
    ['a length that lies', '04 fde8 005a 0a4d000b 09', [2, 0, '']],
    ['a capability beyond its parameter', '04 fde8 005a 0a4d000b 04 02 02 01 04', [2, 0, '']],
  ] as const)('refuses %s', (_, body, answer) => {
    expect(refusal(whole(1, body))).toEqual(answer);
  });
});

describe('UPDATE', () => {
  const plain: Update = {
    kind: 'update',
    withdrawn: [nlriOf(4, [prefix('10.99.1.0/24')])],
    announced: [{ ...nlriOf(4, [prefix('10.99.0.1/32')]), nextHops: [ip('10.77.0.11')] }],
    attributes: {
      origin: 'igp',
      asPath: [{ type: 'sequence', asns: [65000] }],
      med: 10,
      localPref: 200,
      communities: [65000 * 65536 + 100, 0xffff_0000],
      largeCommunities: [[4_200_000_000, 1, 2]],
    },
    faults: [],
  };
  const AFTER_PATH = `40 03 04 0a4d000b  80 04 04 0000000a  40 05 04 000000c8
    c0 08 08 fde80064 ffff0000`;
  const LARGE = 'c0 20 0c fa56ea00 00000001 00000002';

  it('carries IPv4 routes as RFC 4271 has it', () => {
    const body = `0004 18 0a6301  003c  40 01 01 00  40 02 06 02 01 0000fde8 ${AFTER_PATH} ${LARGE}  20 0a630001`;
    expect(encodeMessage(plain)).toEqual(whole(2, body));
    expect(decode(whole(2, body))).toEqual(plain);
  });

  it('speaks to those who know two octets of an AS with AS_TRANS and AS4_PATH', () => {
    const long: Update = {
      kind: 'update',
      withdrawn: [],
      announced: [{ ...nlriOf(4, [prefix('10.99.0.1/32')]), nextHops: [ip('10.77.0.11')] }],
      attributes: { origin: 'igp', asPath: [{ type: 'sequence', asns: [4_200_000_000, 65000] }] },
      faults: [],
    };
    const body = `0000 0021 40 01 01 00  40 02 06 02 02 5ba0 fde8  40 03 04 0a4d000b
      c0 11 0a 02 02 fa56ea00 0000fde8  20 0a630001`;
    expect(encodeMessage(long, false)).toEqual(whole(2, body));
    expect(decode(whole(2, body), false)).toEqual(long);
  });

  it('carries IPv6 routes with a global and a link-local next hop', () => {
    const six: Update = {
      kind: 'update',
      withdrawn: [],
      announced: [{ ...nlriOf(6, [prefix('2001:db8::1/128')]), nextHops: [ip('2001:db8:77::b'), ip('fe80::1')] }],
      attributes: { origin: 'igp', asPath: [] },
      faults: [],
    };
    const body = `0000 0040
      80 0e 36 0002 01 20 20010db800770000000000000000000b fe800000000000000000000000000001 00
      80 20010db8000000000000000000000001
      40 01 01 00  40 02 00`;
    expect(decode(whole(2, body))).toEqual(six);
    expect(encodeMessage(six)).toEqual(whole(2, body));
  });

  it('carries IPv4 routes with an IPv6 next hop (RFC 8950)', () => {
    const body = `0000 0027
      80 0e 1d 0001 01 10 20010db800770000000000000000000b 00 18 0a6300 18 0a6301
      40 01 01 00 40 02 00`;
    const update = decode(whole(2, body)) as Update;
    expect(update.announced.map(({ nextHops }) => nextHops)).toEqual([['2001:db8:77::b']]);
    expect(update.announced.flatMap(prefixesIn)).toEqual(['10.99.0.0/24', '10.99.1.0/24']);
    expect(encodeMessage(update)).toEqual(whole(2, body));
  });

  it('marks the end of what there is', () => {
    expect(encodeMessage(endOfRib(4))).toEqual(whole(2, '0000 0000'));
    expect(encodeMessage(endOfRib(6))).toEqual(whole(2, '0000 0006 80 0f 03 0002 01'));
    expect(decode(whole(2, '0000 0000'))).toEqual(endOfRib(4));
    expect(decode(whole(2, '0000 0006 80 0f 03 0002 01'))).toEqual(endOfRib(6));
  });

  const GOOD = ['40 01 01 00', '40 02 06 02 01 0000fde8', '40 03 04 0a4d000b'] as const;
  const update = (attributes: readonly string[], nlri = '20 0a630001'): Uint8Array => {
    const list = attributes.join(' ');
    return whole(2, `0000 ${bytes(list).length.toString(16).padStart(4, '0')} ${list} ${nlri}`);
  };

  it.each([
    ['an ORIGIN of its own', ['40 01 01 03', GOOD[1], GOOD[2]]],
    ['an ORIGIN of two bytes', ['40 01 02 0000', GOOD[1], GOOD[2]]],
    ['an AS_PATH with an unknown segment', [GOOD[0], '40 02 06 05 01 0000fde8', GOOD[2]]],
    ['an AS_PATH with an empty segment', [GOOD[0], '40 02 02 02 00', GOOD[2]]],
    ['an AS_PATH that is cut off', [GOOD[0], '40 02 06 02 02 0000fde8', GOOD[2]]],
    ['a NEXT_HOP of IPv6', [GOOD[0], GOOD[1], '40 03 10 20010db800770000000000000000000b']],
    ['a MED of three bytes', [...GOOD, '80 04 03 000001']],
    ['a LOCAL_PREF of five bytes', [...GOOD, '40 05 05 0000000001']],
    ['COMMUNITIES of no byte', [...GOOD, 'c0 08 00']],
    ['COMMUNITIES of six bytes', [...GOOD, 'c0 08 06 000000000000']],
    ['large communities of eight bytes', [...GOOD, 'c0 20 08 0000000000000000']],
    ['a well-known attribute that claims to be optional', ['c0 01 01 00', GOOD[1], GOOD[2]]],
    ['a missing ORIGIN', [GOOD[1], GOOD[2]]],
    ['a missing AS_PATH', [GOOD[0], GOOD[2]]],
    ['a missing NEXT_HOP', [GOOD[0], GOOD[1]]],
    ['an attribute that reaches beyond the rest', [...GOOD, '80 04 09 00000001']],
    ['an attribute header that is cut off', [...GOOD, '80 04']],
  ])('takes routes with %s as withdrawn (RFC 7606)', (_, attributes) => {
    const decoded = decode(update(attributes)) as Update;
    expect(decoded.announced).toEqual([]);
    expect(decoded.withdrawn.flatMap(prefixesIn)).toEqual(['10.99.0.1/32']);
    expect(decoded.faults.map(({ action }) => action)).toContain('treat-as-withdraw');
  });

  it.each([
    ['an ATOMIC_AGGREGATE with a value', [...GOOD, '40 06 01 00']],
    ['an AGGREGATOR of six bytes', [...GOOD, 'c0 07 06 fde80a4d000b']],
    ['a malformed AS4_PATH', [...GOOD, 'c0 11 03 020100']],
    ['a second ORIGIN', [...GOOD, '40 01 01 02']],
  ])('does without %s', (_, attributes) => {
    const decoded = decode(update(attributes)) as Update;
    expect(decoded.announced.flatMap(prefixesIn)).toEqual(['10.99.0.1/32']);
    expect(decoded.attributes.origin).toBe('igp');
    expect(decoded.faults).toMatchObject([{ action: 'attribute-discard' }]);
  });

  it.each([
    ['withdrawn routes longer than the message', whole(2, '0009 20 0a630001'), [3, 1, '']],
    ['attributes longer than the message', whole(2, '0000 0009 40 01 01 00'), [3, 1, '']],
    ['an IPv4 prefix of 33 bits', update(GOOD, '21 0a63000100'), [3, 10, '']],
    ['an IPv4 prefix that is cut off', update(GOOD, '20 0a6300'), [3, 10, '']],
    ['a well-known attribute nobody knows', update([...GOOD, '40 63 01 aa']), [3, 2, '406301aa']],
    ['MP_REACH_NLRI twice', update([...Array<string>(2).fill('80 0e 15 0002 01 10 20010db8007700000000000000000001 00'), ...GOOD]), [3, 1, '']],
    ['an IPv6 next hop of four bytes', update(['80 0e 09 0002 01 04 0a4d000b 00']), [3, 9, '']],
    ['a next hop longer than its attribute', update(['80 0e 05 0002 01 10 00']), [3, 9, '']],
    ['an IPv6 prefix of 129 bits', update(['80 0f 15 0002 01 81 0000000000000000000000000000000000']), [3, 9, '']],
    ['MP_UNREACH_NLRI without a family', update(['80 0f 02 0002']), [3, 9, '']],
  ] as const)('ends the session for %s', (_, data, answer) => {
    expect(refusal(data)).toEqual(answer);
  });

  it('does not look into families that were not agreed on', () => {
    const vpn = decode(update([...GOOD, '80 0e 06 0019 41 00 00 ff'], '')) as Update;
    expect(vpn).toMatchObject({ announced: [], withdrawn: [], faults: [] });
  });
});

describe('NOTIFICATION', () => {
  it('carries a sentence for the operator (RFC 9003)', () => {
    const cease = shutdown(2, 'back at noon');
    const data = whole(3, `06 02 0c ${Buffer.from('back at noon').toString('hex')}`);
    expect(encodeMessage(cease)).toEqual(data);
    const decoded = decode(data);
    expect(decoded).toEqual(cease);
    expect(describeNotification(cease)).toBe('Cease/Administrative Shutdown: back at noon');
  });

  it('cuts a long sentence between characters', () => {
    const { data } = shutdown(4, 'ü'.repeat(200));
    expect(data[0]).toBe(254);
    expect(communicationIn(shutdown(4, 'ü'.repeat(200)))).toBe('ü'.repeat(127));
  });

  it.each([
    ['no UTF-8', '06 02 02 c328'],
    ['more announced than there is', '06 02 09 6162'],
    ['another error', '06 03 02 6162'],
  ])('shows nothing of %s', (_, body) => {
    const decoded = decode(whole(3, body));
    expect(decoded.kind === 'notification' && communicationIn(decoded)).toBeUndefined();
  });

  it('shows no control characters', () => {
    const text = communicationIn(shutdown(2, 'a\u001b[31mb\u202ec'));
    expect(text).toBe('a\ufffd[31mb\ufffdc');
  });

  it('names what it does not know by its number', () => {
    const one = { kind: 'notification', code: 9, subcode: 7, data: bytes('') } as const;
    expect(describeNotification(one)).toBe('error 9/subcode 7');
  });
});

describe('the stream', () => {
  it('gives messages as they become complete, however they are cut', () => {
    const all = Buffer.concat([whole(4, ''), whole(5, '0001 00 01'), whole(4, '')]);
    for (let size = 1; size <= all.length; size++) {
      const framer = createFramer();
      const kinds: string[] = [];
      for (let at = 0; at < all.length; at += size) {
        for (const frame of framer.push(all.subarray(at, at + size))) kinds.push(decodeMessage(frame).kind);
      }
      expect(kinds).toEqual(['keepalive', 'route-refresh', 'keepalive']);
    }
  });

  it.each([
    ['a marker with a hole', bytes(`fffffffffffffffffffffffffffffffe 0013 04`), [1, 1, '']],
    ['a length below the header', bytes(`${MARKER} 0012 04`), [1, 2, '0012']],
    ['a length beyond 4096', bytes(`${MARKER} 1001 02`), [1, 2, '1001']],
    ['a type nobody knows', bytes(`${MARKER} 0013 06`), [1, 3, '06']],
    ['a KEEPALIVE with something in it', whole(4, '00'), [1, 2, '0014']],
    ['a short OPEN', whole(1, '04 fde8 005a 0a4d'), [1, 2, '001a']],
    ['a short UPDATE', whole(2, '0000'), [1, 2, '0015']],
    ['a short NOTIFICATION', whole(3, '06'), [1, 2, '0014']],
    ['a short ROUTE-REFRESH', whole(5, '0001 00'), [1, 2, '0016']],
  ] as const)('refuses %s', (_, data, answer) => {
    expect(refusal(data)).toEqual(answer);
  });
});

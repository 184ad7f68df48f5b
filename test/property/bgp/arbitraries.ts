/** Valid BGP messages of every kind. */
import fc from 'fast-check';
import { ipFromBytes, type Family, type Ip } from '../../../src/model/ip.ts';
import { as2Of } from '../../../src/protocols/bgp/as-number.ts';
import type { AsPath } from '../../../src/protocols/bgp/as-path.ts';
import { ORIGINS, type PathAttributes } from '../../../src/protocols/bgp/attributes.ts';
import type { Capability } from '../../../src/protocols/bgp/capabilities.ts';
import type { Message } from '../../../src/protocols/bgp/message.ts';
import type { Open } from '../../../src/protocols/bgp/open.ts';
import { nlriOf, prefixOf, type Prefix } from '../../../src/protocols/bgp/prefix.ts';
import { endOfRib, type Update } from '../../../src/protocols/bgp/update.ts';

export const uint = (bits: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 2 ** bits - 1 });
export const asn = fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 0x1_0000, max: 0xffff_ffff }));
export const address = (family: Family): fc.Arbitrary<Ip> => {
  const length = family === 4 ? 4 : 16;
  return fc.uint8Array({ minLength: length, maxLength: length }).map(ipFromBytes);
};
export const prefix = (family: Family): fc.Arbitrary<Prefix> =>
  fc.tuple(address(family), fc.integer({ min: 0, max: family === 4 ? 32 : 128 })).map(([ip, n]) => prefixOf(ip, n));

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), afi: uint(16), safi: uint(8) }),
  fc.constant({ kind: 'route-refresh' as const }),
  fc.record({
    kind: fc.constant('extended-next-hop' as const),
    routes: fc.array(fc.record({ afi: uint(16), safi: uint(16), nextHopAfi: uint(16) }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('graceful-restart' as const),
    restarted: fc.boolean(),
    notification: fc.boolean(),
    seconds: uint(12),
    families: fc.array(fc.record({ afi: uint(16), safi: uint(8), forwarding: fc.boolean() }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    code: fc.constantFrom(6, 9, 70, 71, 73, 128),
    value: fc.uint8Array({ maxLength: 8 }),
  }),
);

export const open: fc.Arbitrary<Open> = fc
  .record({
    asn,
    holdTime: uint(16).filter((seconds) => seconds !== 1 && seconds !== 2),
    identifier: address(4).filter((ip) => ip !== '0.0.0.0'),
    capabilities: fc.array(capability, { maxLength: 5 }),
  })
  .map(({ asn: number, capabilities, ...rest }) => ({
    kind: 'open',
    as2: as2Of(number),
    capabilities: [{ kind: 'four-octet-as', asn: number }, ...capabilities],
    ...rest,
  }));

export const asPath: fc.Arbitrary<AsPath> = fc.array(
  fc.record({
    type: fc.constantFrom('set' as const, 'sequence' as const),
    asns: fc.array(asn, { minLength: 1, maxLength: 5 }),
  }),
  { maxLength: 3 },
);

export const attributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom(...ORIGINS),
    asPath,
    med: uint(32),
    localPref: uint(32),
    communities: fc.array(uint(32), { minLength: 1, maxLength: 6 }),
    largeCommunities: fc.array(fc.tuple(uint(32), uint(32), uint(32)), { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: ['origin', 'asPath'] },
);

const nlri = (family: Family) =>
  fc.array(prefix(family), { minLength: 1, maxLength: 20 }).map((all) => nlriOf(family, all));
const reach = (family: Family, hop: Family, most = 1) =>
  fc
    .tuple(nlri(family), fc.array(address(hop), { minLength: 1, maxLength: most }))
    .map(([routes, nextHops]) => ({ ...routes, nextHops }));

export const update: fc.Arbitrary<Update> = fc.oneof(
  fc.constantFrom(endOfRib(4), endOfRib(6)),
  fc
    .record({
      withdrawn: fc.tuple(fc.option(nlri(4)), fc.option(nlri(6))),
      announced: fc.tuple(fc.option(reach(4, 4)), fc.option(fc.oneof(reach(6, 6, 2), reach(4, 6, 2)))),
      attributes,
    })
    .map(({ withdrawn, announced, attributes: described }): Update => {
      const there = announced.filter((each) => each !== null);
      const gone = withdrawn.filter((each) => each !== null);
      if (there.length === 0 && gone.length === 0) return endOfRib(4);
      const said = there.length === 0 ? {} : described;
      return { kind: 'update', withdrawn: gone, announced: there, attributes: said, faults: [] };
    }),
);

export const message: fc.Arbitrary<Message> = fc.oneof(
  open,
  update,
  fc.constant({ kind: 'keepalive' as const }),
  fc.record({
    kind: fc.constant('notification' as const),
    code: uint(8),
    subcode: uint(8),
    data: fc.uint8Array({ maxLength: 40 }),
  }),
  fc.record({ kind: fc.constant('route-refresh' as const), afi: uint(16), safi: uint(8), subtype: uint(8) }),
);

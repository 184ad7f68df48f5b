/** What a broken or malicious BGP peer sends: streams that are nearly right. */
import { fromBigInt, ip } from '../../../src/model/ip.ts';
import { frame } from '../../../src/protocols/bgp/framing.ts';
import { encodeMessage } from '../../../src/protocols/bgp/message.ts';
import { shutdown } from '../../../src/protocols/bgp/notification.ts';
import { ourOpen } from '../../../src/protocols/bgp/session/negotiate.ts';
import { nlriOf, prefixOf } from '../../../src/protocols/bgp/prefix.ts';
import { endOfRib, type Update } from '../../../src/protocols/bgp/update.ts';
import type { PeerConfig } from '../../../src/protocols/bgp/session/config.ts';
import type { Chance } from '../chance.ts';
import { mutate } from '../mutate.ts';

export interface Volley {
  readonly kind: string;
  /** Messages, or what looks like some. */
  readonly messages: readonly Uint8Array[];
}

/** `theirs`: the peer's own configuration, for its OPEN. */
export function hostileVolley(chance: Chance, theirs: PeerConfig): Volley {
  const one = (kind: string, ...messages: readonly Uint8Array[]): Volley => ({ kind, messages });
  switch (chance.below(12)) {
    case 0:
      return one('mutated whole', mutate(chance, [update(chance), open(theirs), encodeMessage(shutdown(2, 'x'))]));
    case 1:
    case 2: {
      const bytes = Uint8Array.from(update(chance));
      for (let flips = 1 + chance.below(2); flips > 0; flips--)
        bytes[23 + chance.below(bytes.length - 23)] = chance.below(256);
      return one('flipped update', bytes);
    }
    case 3: {
      // Past the header, so that it is the attributes that are wrong.
      const body = mutate(chance, [update(chance).subarray(19), update(chance).subarray(19)]);
      return one('mutated update', frame(2, body.subarray(0, 4000)));
    }
    case 4:
      return one('mutated open', frame(1, mutate(chance, [open(theirs).subarray(19)]).subarray(0, 4000)));
    case 5: {
      const bytes = Uint8Array.from(update(chance));
      bytes[16 + chance.below(3)] = chance.below(256);
      return one('wrong header', bytes);
    }
    case 6:
      return one('many routes', ...Array.from({ length: 5 }, () => manyRoutes(chance)));
    case 7:
      return one('AS loop', encodeMessage({ ...routes(chance), attributes: { origin: 'igp', asPath: loop(chance) } }));
    case 8:
      return one(
        'notification',
        ...Array.from({ length: 1 + chance.below(5) }, () => frame(3, chance.bytes(2 + chance.below(40)))),
      );
    case 9:
      return one(
        'refresh storm',
        ...Array.from({ length: 8 }, () =>
          encodeMessage({ kind: 'route-refresh', afi: 1 + chance.below(3), safi: 1, subtype: chance.below(3) }),
        ),
      );
    case 10:
      return one('wrong state', open(theirs));
    default:
      return one('plain', update(chance), encodeMessage({ kind: 'keepalive' }), encodeMessage(endOfRib(4)));
  }
}

export function open(theirs: PeerConfig): Uint8Array {
  return encodeMessage(ourOpen(theirs, false));
}

function routes(chance: Chance): Update {
  return {
    kind: 'update',
    withdrawn: [nlriOf(4, [prefixOf(ip('10.1.0.0'), 16)]), nlriOf(6, [prefixOf(ip('2001:db8::'), 48)])],
    announced: [
      { ...nlriOf(4, [prefixOf(ip(`10.2.${chance.below(256)}.0`), 24)]), nextHops: [ip('10.77.0.1')] },
      { ...nlriOf(6, [prefixOf(ip('2001:db8:2::'), 64)]), nextHops: [ip('2001:db8::2'), ip('fe80::1')] },
    ],
    attributes: {
      origin: 'igp',
      asPath: [{ type: 'sequence', asns: [64512, 4_200_000_000] }],
      med: 5,
      localPref: 100,
      communities: [0xffff_0000, 7],
      largeCommunities: [[64512, 1, 2]],
    },
    faults: [],
  };
}

function update(chance: Chance): Uint8Array {
  return encodeMessage(routes(chance));
}

function loop(chance: Chance): { type: 'sequence'; asns: number[] }[] {
  return [{ type: 'sequence', asns: Array.from({ length: 1 + chance.below(200) }, () => 65000) }];
}

/** A hundred thousand routes, as many in a message as fit; the same ones each time, for making them takes longer than anything else. */
const FLOOD: Uint8Array[] = [];
function manyRoutes(chance: Chance): Uint8Array {
  while (FLOOD.length < 150) {
    const base = BigInt(FLOOD.length * 700);
    const prefixes = Array.from({ length: 700 }, (_, i) => prefixOf(fromBigInt((base + BigInt(i)) << 8n, 4), 24));
    const attributes = { origin: 'igp' as const, asPath: [{ type: 'sequence' as const, asns: [64512] }] };
    const announced = [{ ...nlriOf(4, prefixes), nextHops: [ip('10.77.0.1')] }];
    FLOOD.push(encodeMessage({ kind: 'update', withdrawn: [], announced, attributes, faults: [] }));
  }
  return chance.pick(FLOOD);
}

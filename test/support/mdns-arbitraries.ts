/** fast-check arbitraries for mDNS messages, in the normal form that decoding gives. */
import fc from 'fast-check';
import { ipFromBytes, type Ip } from '../../src/model/ip.ts';
import type { KnownType, Message, Question, ResourceRecord } from '../../src/protocols/mdns/message.ts';
import { labelProblem, nameOf, nameProblem } from '../../src/protocols/mdns/name.ts';

const ip4: fc.Arbitrary<Ip> = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes);
const ip6: fc.Arbitrary<Ip> = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipFromBytes);

/** Labels as people write them: dots, backslashes, spaces and any script included. */
export const label = fc
  .oneof(fc.stringMatching(/^[a-zA-Z0-9-]{1,12}$/), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 16 }))
  .filter((text) => labelProblem(text) === undefined);

export const name = fc
  .array(label, { minLength: 1, maxLength: 4 })
  .map(nameOf)
  .filter((text) => nameProblem(text) === undefined);

const knownType = fc.constantFrom<KnownType[]>('A', 'AAAA', 'PTR', 'SRV', 'TXT', 'NSEC');
const otherNumber = fc.integer({ min: 1, max: 65534 }).filter((n) => ![1, 12, 16, 28, 33, 41, 47, 255].includes(n));
const uint16 = fc.integer({ min: 0, max: 65535 });

export const record: fc.Arbitrary<ResourceRecord> = fc
  .record({ name, ttl: fc.integer({ min: 0, max: 2 ** 32 - 1 }), flush: fc.boolean() })
  .chain((base): fc.Arbitrary<ResourceRecord> => {
    const of = <T extends ResourceRecord['type'], D>(type: T, data: fc.Arbitrary<D>) =>
      data.map((value) => ({ ...base, type, data: value }));
    return fc.oneof(
      of('A', ip4),
      of('AAAA', ip6),
      of('PTR', name),
      of('SRV', fc.record({ priority: uint16, weight: uint16, port: uint16, target: name })),
      of('TXT', fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 4 })),
      of('NSEC', fc.record({ next: name, types: fc.uniqueArray(knownType).map(byNumber) })),
      fc
        .tuple(otherNumber, fc.uint8Array({ maxLength: 40 }))
        .map(([n, data]) => ({ ...base, type: `TYPE${n}` as const, data })),
    );
  });

/** A bitmap knows no order but that of the numbers. */
function byNumber(types: KnownType[]): KnownType[] {
  return (['A', 'PTR', 'TXT', 'AAAA', 'SRV', 'NSEC'] as const).filter((type) => types.includes(type));
}

export const question: fc.Arbitrary<Question> = fc.record({
  name,
  type: fc.oneof(
    knownType,
    fc.constant('ANY' as const),
    otherNumber.map((n) => `TYPE${n}` as const),
  ),
  unicast: fc.boolean(),
});

export const message: fc.Arbitrary<Message> = fc.record({
  id: uint16,
  kind: fc.constantFrom('query', 'response'),
  truncated: fc.boolean(),
  questions: fc.array(question, { maxLength: 4 }),
  answers: fc.array(record, { maxLength: 4 }),
  authorities: fc.array(record, { maxLength: 3 }),
  additionals: fc.array(record, { maxLength: 3 }),
});

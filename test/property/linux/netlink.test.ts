import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute, decodeAttributes, decodeMessages, encodeMessage } from '../../../src/linux/netlink/message.ts';
import { decodeAddress, decodeDefaultRoute, decodeLink } from '../../../src/linux/netlink/route.ts';
import { concat } from '../../../src/model/bytes.ts';

const u16 = fc.nat(0xffff);
const message = fc.record({
  type: u16,
  flags: u16,
  seq: fc.nat(0xffffffff),
  body: fc.uint8Array({ maxLength: 40 }),
});

describe('netlink messages', () => {
  it('read back what was written, one after the other', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        expect(decodeMessages(concat(...messages.map(encodeMessage)))).toEqual(messages);
      }),
    );
  });

  it('carry attributes', () => {
    const entry = fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 20 }));
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ([type]) => type, maxLength: 6 }), (entries) => {
        const found = decodeAttributes(concat(...entries.map(([type, data]) => attribute(type, data))));
        expect([...found].map(([type, data]) => [type, [...data]])).toEqual(
          entries.map(([type, data]) => [type, [...data]]),
        );
      }),
    );
  });

  it('are read or left out, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        for (const found of [...decodeMessages(data), { type: 16, flags: 0, seq: 0, body: data }]) {
          decodeLink(found);
          decodeAddress(found);
          decodeDefaultRoute(found);
        }
      }),
    );
  });
});

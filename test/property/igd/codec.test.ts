import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeGenericEntry, decodeSpecificEntry } from '../../../src/protocols/igd/actions.ts';
import { decodeIgdDescription } from '../../../src/protocols/igd/description.ts';
import { decodeSoapResponse, encodeSoapRequest } from '../../../src/protocols/igd/soap.ts';
import { child, escapeXml, parseXml } from '../../../src/protocols/igd/xml.ts';

const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1';

/** Fragments that break parsers, in any order. */
const fragment = fc.constantFrom(
  '<', '>', '</', '/>', '<a>', '</a>', '<a/>', '<root>', '</root>', '<device>', '<service>', '</service>',
  '<!--', '-->', '<![CDATA[', ']]>', '<!DOCTYPE x [<!ENTITY y "z">]>', '<?xml version="1.0"?>', '&y;', '&#0;', '&#x110000;',
  '&amp;', '"', "'", '\0', '\uFEFF', '<__proto__>', '<s:Envelope>', '<s:Body>', '<s:Fault>', 'x', ' ', '\n', '<#text>', '<:@>',
); // prettier-ignore
const hostile = fc.oneof(
  fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 80 }).map((text) => `<root>${text}</root>`),
);

function total(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
  }
}

describe('XML of routers', () => {
  it('gives back any text that XML can carry', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 60 })
      .map((each) => each.trim())
      .filter((each) => !/[^\t\n\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u.test(each));
    fc.assert(
      fc.property(text, (each) => {
        expect(parseXml(`<a><b>${escapeXml(each)}</b></a>`).children[0]?.text).toBe(each);
      }),
      { numRuns: 500 },
    );
  });

  it('lets no argument become markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (value) => {
        const { body } = encodeSoapRequest(SERVICE, 'Test', [
          ['NewOne', value],
          ['NewTwo', 'end'],
        ]);
        const call = child(child(parseXml(body), 'Body'), 'Test');
        expect(call?.children.map((element) => element.name)).toEqual(['NewOne', 'NewTwo']);
        expect(call?.children[1]?.text).toBe('end');
      }),
      { numRuns: 500 },
    );
  });

  it('answers hostile text with a value or a DecodeError', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        total(() => parseXml(text));
        total(() => decodeIgdDescription(text, 'http://10.0.0.1:5000/desc.xml'));
        total(() => decodeSoapResponse(text, 'AddPortMapping'));
        total(() => decodeSoapResponse(`<Envelope><Body>${text}</Body></Envelope>`, 'AddPortMapping'));
      }),
      { numRuns: 2000 },
    );
  });

  it('sends no order to another machine than the one described', () => {
    const path = fc.oneof(
      fc.webUrl(),
      fc.string({ maxLength: 30 }),
      fc.webUrl().map((url) => url.replace(/^https?:/, '')),
    );
    fc.assert(
      fc.property(path, path, (controlUrl, urlBase) => {
        const xml =
          `<root><URLBase>${escapeXml(urlBase)}</URLBase><device><serviceList><service>` +
          `<serviceType>${SERVICE}</serviceType><controlURL>${escapeXml(controlUrl)}</controlURL>` +
          `</service></serviceList></device></root>`;
        for (const service of decodeIgdDescription(xml, 'http://10.0.0.1:5000/desc.xml').services) {
          expect(new URL(service.controlUrl)).toMatchObject({ protocol: 'http:', hostname: '10.0.0.1', username: '' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads entries from any values, or refuses them', () => {
    const names = [
      'NewInternalClient',
      'NewInternalPort',
      'NewExternalPort',
      'NewProtocol',
      'NewEnabled',
      'NewLeaseDuration',
    ];
    const values = fc
      .array(
        fc.tuple(fc.constantFrom(...names), fc.oneof(fc.string(), fc.nat().map(String), fc.ipV4(), fc.constant('TCP'))),
      )
      .map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(values, (map) => {
        total(() => decodeGenericEntry(map));
        total(() => {
          const entry = decodeSpecificEntry(map, { protocol: 'TCP', externalPort: 1 });
          expect(entry.internalPort).toBeLessThanOrEqual(65535);
        });
      }),
    );
  });
});

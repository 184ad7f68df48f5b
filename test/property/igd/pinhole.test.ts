import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { pinholeReason } from '../../../src/protocols/igd/faults.ts';
import {
  addPinholeArguments,
  decodeFirewallStatus,
  decodeUniqueId,
  isUniqueId,
  updatePinholeArguments,
} from '../../../src/protocols/igd/pinhole.ts';
import { encodeSoapRequest } from '../../../src/protocols/igd/soap.ts';
import { child, parseXml } from '../../../src/protocols/igd/xml.ts';
import { ip } from '../../../src/model/ip.ts';

const SERVICE = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer().map(String),
  fc.constantFrom('0', '1', ' 7 ', 'true', 'NO', '65536', '-1', '1e3', '٣', '00001'),
);
const values = fc
  .array(fc.tuple(fc.constantFrom('UniqueID', 'FirewallEnabled', 'InboundPinholeAllowed', '__proto__'), text))
  .map((pairs) => new Map(pairs));

describe('pinholes', () => {
  it('reads the number of a pinhole from any values, or refuses them', () => {
    fc.assert(
      fc.property(values, (map) => {
        try {
          const id = decodeUniqueId(map);
          expect(Number(id)).toBeGreaterThanOrEqual(0);
          expect(Number(id)).toBeLessThanOrEqual(65_535);
          expect(isUniqueId(id)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
        const { enabled, pinholesAllowed } = decodeFirewallStatus(map);
        expect([typeof enabled, typeof pinholesAllowed]).toEqual(['boolean', 'boolean']);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes what a router reads back as the same pinhole', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('TCP' as const, 'UDP' as const),
        fc.ipV6().map(ip),
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: 1, max: 86_400 }),
        (protocol, internalIp, internalPort, lease) => {
          const args = addPinholeArguments({ protocol, internalIp, internalPort, lease });
          const { body } = encodeSoapRequest(SERVICE, 'AddPinhole', args);
          const call = child(child(parseXml(body), 'Body'), 'AddPinhole');
          expect(call?.children.map((each) => each.text)).toEqual([
            '',
            '0',
            internalIp,
            String(internalPort),
            protocol === 'TCP' ? '6' : '17',
            String(lease),
          ]);
        },
      ),
    );
  });

  it('lets no number of a doctored record become markup', () => {
    fc.assert(
      fc.property(text, (id) => {
        const { body } = encodeSoapRequest(SERVICE, 'UpdatePinhole', updatePinholeArguments(id, 60));
        const call = child(child(parseXml(body), 'Body'), 'UpdatePinhole');
        expect(call?.children.map((each) => each.name)).toEqual(['UniqueID', 'NewLeaseTime']);
      }),
    );
  });

  it('has a name and words for every fault there may be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999 }), (code) => {
        const { name, words } = pinholeReason(code);
        expect(`${name}${words}`).toMatch(/^\S.*\S$/);
      }),
    );
  });
});

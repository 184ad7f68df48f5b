import { describe, expect, it } from 'vitest';
import { macToBytes } from '../../../src/model/mac.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';

const UID = '0b2c7a5e-93d1-4c55-9a3b-2f1d0e6c8b7a';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('identity of a Service', () => {
  it('is the same on every node', () => {
    expect(identityOf(UID)).toEqual(identityOf(UID));
  });

  it('has the UID in its client identifier, as RFC 4361 with a DUID of type UUID', () => {
    expect(hex(identityOf(UID).clientId)).toBe(`ff000000010004${UID.replaceAll('-', '')}`);
  });

  it('hashes a UID that is no UUID into one', () => {
    const { clientId } = identityOf('uid-web');
    expect(clientId).toHaveLength(23);
    expect(hex(clientId)).toMatch(/^ff000000010004[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  });

  it('has locally administered unicast hardware addresses, all different', () => {
    const macs = Array.from({ length: 2000 }, (_, i) => identityOf(`service-${i}`).mac);
    expect(new Set(macs).size).toBe(2000);
    for (const mac of macs) expect(macToBytes(mac)[0]! & 0x0f).toBe(0x02);
  });
});

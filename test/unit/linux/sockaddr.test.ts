import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSockaddr, encodeSockaddr, encodeSockaddrLl } from '../../../src/linux/sockaddr.ts';
import { ip, ipFromBytes } from '../../../src/model/ip.ts';

describe('socket addresses', () => {
  it('have the layout of the kernel', () => {
    expect(Buffer.from(encodeSockaddr({ ip: ip('10.1.2.3'), port: 0x1234 })).toString('hex')).toBe(
      '0200' + '1234' + '0a010203' + '0000000000000000',
    );
    expect(Buffer.from(encodeSockaddr({ ip: ip('fe80::1'), port: 53 }, 7)).toString('hex')).toBe(
      '0a00' + '0035' + '00000000' + 'fe800000000000000000000000000001' + '07000000',
    );
    expect(Buffer.from(encodeSockaddrLl(7, 0x0806)).toString('hex')).toBe(
      '1100' + '0806' + '07000000' + '00'.repeat(12),
    );
  });

  it('read back what was written', () => {
    const address = fc
      .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
      .map(ipFromBytes);
    fc.assert(
      fc.property(address, fc.nat(65535), (host, port) => {
        expect(decodeSockaddr(encodeSockaddr({ ip: host, port }))).toEqual({ ip: host, port });
      }),
    );
  });
});

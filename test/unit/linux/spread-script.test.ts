import { describe, expect, it } from 'vitest';
import { concat } from '../../../src/model/bytes.ts';
import { ip, ipToBytes } from '../../../src/model/ip.ts';
import { fold, wordSum } from '../../../src/protocols/internet-checksum.ts';
import { spreadScript } from '../../../src/linux/spread-script.ts';
import { strayAck } from '../../../src/linux/stir-clients.ts';
import { HERE, SECOND, VIP } from '../../support/balance-world.ts';

describe('rules that spread the VIP', () => {
  it('are one transaction that leaves no table for an empty list', () => {
    expect(spreadScript('t', []).trim().split('\n')).toEqual([
      'table ip t',
      'delete table ip t',
      'table ip6 t',
      'delete table ip6 t',
    ]);
  });

  it('choose in turn, translate for others only, and have a chain for each API server', () => {
    const spread = {
      family: 4,
      vips: [VIP.ip],
      port: 6443,
      herePort: 6443,
      outside: [HERE, SECOND],
      inside: [],
    } as const;
    const script = spreadScript('t', [spread]);
    expect(script).toContain(
      'ip daddr @vips tcp dport 6443 numgen inc mod 2 vmap { 0 : goto here, 1 : goto to-10-77-0-12-6443 }',
    );
    expect(script).toContain('chain here {\naccept\n}');
    expect(script).toContain('dnat to 10.77.0.12:6443');
    expect(script).toContain('ip daddr . tcp dport { 10.77.0.12 . 6443 } masquerade');
    expect(script).not.toContain('hook output');
  });

  it('lead another port of the VIP to the API’s on this node', () => {
    const vips = [ip('fd00::1'), ip('fd00::2')];
    const spread = { family: 6, vips, port: 443, herePort: 6443, outside: [HERE], inside: [HERE] } as const;
    expect(spreadScript('t', [spread])).toContain(
      'ip6 daddr fd00::1 meta l4proto tcp dnat to [fd00::1]:6443\nip6 daddr fd00::2 meta l4proto tcp dnat to [fd00::2]:6443',
    );
  });
});

describe('the segment that stirs a client', () => {
  it.each([
    ['10.77.0.14', '10.77.0.240'],
    ['2001:db8::14', '2001:db8::240'],
  ])('from the VIP to %s has its ports and a right checksum', (from, to) => {
    const flow = {
      family: 4,
      protocol: 6,
      from: ip(from),
      fromPort: 40_001,
      to: ip(to),
      port: 6443,
      via: ip(to),
      name: ip(from),
      tcpState: undefined,
      key: new Uint8Array(),
    } as const;
    const segment = strayAck(flow);
    expect([...segment.subarray(0, 4)]).toEqual([6443 >> 8, 6443 & 255, 40_001 >> 8, 40_001 & 255]);
    const pseudo = concat(ipToBytes(ip(to)), ipToBytes(ip(from)), Uint8Array.of(0, 6, 0, segment.length));
    expect(fold(wordSum(concat(pseudo, segment)))).toBe(0xffff);
  });
});

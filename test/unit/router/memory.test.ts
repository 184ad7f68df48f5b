import { describe, expect, it } from 'vitest';
import { RouterMemory } from '../../../src/exposure/router/memory.ts';
import type { SsdpNotify } from '../../../src/protocols/ssdp/message.ts';

const at = (seconds: number, epoch: number) => ({ at: seconds * 1000, epoch });
const alive = (change: Partial<SsdpNotify>): SsdpNotify => ({
  kind: 'notify',
  change: 'alive',
  target: 'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  usn: 'uuid:0',
  ...change,
});

describe('what a router lets slip', () => {
  it('learns from answers whether the epoch goes on', () => {
    const memory = new RouterMemory();
    expect([at(0, 100), at(60, 160), at(120, 5), at(180, 65)].map((sample) => memory.answered('pcp', sample))).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it('keeps the epochs of PCP and NAT-PMP apart', () => {
    const memory = new RouterMemory();
    memory.answered('pcp', at(0, 100));
    expect(memory.answered('nat-pmp', at(1, 3))).toBe(false);
  });

  it('does not hold an announced epoch against the next answer', () => {
    const memory = new RouterMemory();
    memory.answered('pcp', at(0, 100));
    memory.announced('pcp', at(10, 0));
    expect(memory.answered('pcp', at(11, 1))).toBe(false);
  });

  it('knows devices by boot id, and where there is none by where they are', () => {
    const memory = new RouterMemory();
    memory.found('http://10.0.0.1:5000/d', 7);
    expect(memory.notified(alive({ bootId: 7, location: 'http://10.0.0.1:5001/d' }))).toBe(false);
    expect(memory.notified(alive({ bootId: 8 }))).toBe(true);
    expect(memory.notified(alive({ bootId: 8 }))).toBe(false);
    expect(memory.notified(alive({ change: 'update', bootId: 8, nextBootId: 9 }))).toBe(true);
    expect(memory.notified(alive({ bootId: 9 }))).toBe(false);

    const old = new RouterMemory();
    expect(old.notified(alive({ location: 'http://10.0.0.1:5000/d' }))).toBe(false);
    expect(old.notified(alive({ location: 'http://10.0.0.1:5000/d' }))).toBe(false);
    expect(old.notified(alive({ location: 'http://10.0.0.1:49152/d' }))).toBe(true);
  });
});

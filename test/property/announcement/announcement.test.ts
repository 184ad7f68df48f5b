import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import { familyOf, ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { ConflictPolicy } from '../../../src/protocols/acd/defender.ts';
import type { Dialect } from '../../../src/protocols/acd/dialect.ts';
import { ARP } from '../../../src/protocols/arp/dialect.ts';
import { NDP } from '../../../src/protocols/ndp/dialect.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeKernel, createFakeSilence } from '../../support/fake-kernel.ts';
import { createFakeLan, type FakeLan } from '../../support/fake-network.ts';

const ADDRESSES = ['10.77.0.200', '10.77.0.201', '2001:db8:77::200', '192.168.9.9'].map(ip);
const RIVAL_MAC = parseMac('02:00:00:00:00:66')!;
/** In a subnet of the node. */
const isHere = (address: string): boolean => !address.startsWith('192.');
const address = fc.constantFrom(...ADDRESSES);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ensure' as const), ip: address }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), ip: address }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(1500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stall' as const), ms: fc.nat(4000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('alone' as const), value: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('up' as const), value: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gone' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), ms: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), value: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rival' as const), value: fc.boolean() }) },
);

const policy = fc.constantFrom<ConflictPolicy>('defend', 'yield');

/** A machine that claims all addresses, and answers for them, while it is there. */
function startRival(lan: FakeLan): { be(there: boolean): void } {
  const { network } = lan.host({ name: 'rival', mac: RIVAL_MAC, addresses: [] });
  const link = network.links()[0]!;
  let there = false;
  const speak = <Frame>(dialect: Dialect<Frame>, addresses: readonly Ip[]): (() => void) => {
    const socket = network.openFrames({ link, ...dialect.hears, promiscuous: true }, (data) => {
      const answer = dialect.answer(RIVAL_MAC, dialect.decode(data));
      if (there && answer) socket.send(dialect.encode(answer.frame));
    });
    return () => {
      for (const address of addresses) {
        for (const frame of dialect.announcement(RIVAL_MAC, address)) socket.send(dialect.encode(frame));
      }
    };
  };
  const claim = [
    speak(
      ARP,
      ADDRESSES.filter((one) => familyOf(one) === 4),
    ),
    speak(
      NDP,
      ADDRESSES.filter((one) => familyOf(one) === 6),
    ),
  ];
  return {
    be: (value) => {
      there = value;
      if (there) claim.forEach((say) => say());
    },
  };
}

describe('whatever happens', () => {
  it('the kernel holds only what is wanted, silent unless alone, and in the end nothing is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), policy, async (steps, onConflict) => {
        const clock = createFakeClock();
        const lan = createFakeLan(clock);
        const node = lan.host({
          name: 'n1',
          mac: parseMac('02:00:00:00:00:01')!,
          addresses: [
            { ip: ip('10.77.0.11'), prefixLength: 24 },
            { ip: ip('2001:db8:77::11'), prefixLength: 64 },
          ],
        });
        const kernel = createFakeKernel(clock);
        const silence = createFakeSilence(clock);
        const announcement = createAnnouncement({ network: node.network, addressTable: kernel, silence, clock });
        const rival = startRival(lan);
        const wanted = new Set<string>();
        let alone = false;
        // What the reconciler does as long as this node is the owner.
        announcement.onChange((changed) => {
          if (wanted.has(changed)) announcement.ensure({ ip: changed, onConflict });
        });
        for (const now of steps) {
          if (now.do === 'ensure') {
            wanted.add(now.ip);
            announcement.ensure({ ip: now.ip, onConflict });
          } else if (now.do === 'release') {
            wanted.delete(now.ip);
            announcement.release(now.ip);
          } else if (now.do === 'wait') await clock.advanceAsync(now.ms);
          else if (now.do === 'stall') clock.stall(now.ms);
          else if (now.do === 'alone') {
            alone = now.value;
            announcement.setAlone(alone);
          } else if (now.do === 'up') node.setLink({ up: now.value });
          else if (now.do === 'rival') rival.be(now.value);
          else if (now.do === 'gone') node.setLink(undefined);
          else if (now.do === 'slow') silence.delay(now.ms);
          else kernel.fail(now.value ? new Error('refused') : undefined);

          for (const there of kernel.addresses().keys()) {
            // With the kernel refusing, an address that was let go may stand until it is tried again.
            if (!steps.some((one) => one.do === 'refuse')) expect(wanted).toContain(there);
          }
        }
        kernel.fail(undefined);
        node.setLink({ up: true });
        rival.be(false);
        // Until a conflict is over.
        await clock.advanceAsync(40_000);
        const held = [...wanted].filter(isHere).sort();
        expect([...kernel.addresses().keys()].sort()).toEqual(held);
        for (const one of held) expect(announcement.ensure({ ip: ip(one), onConflict }).state).toBe('ready');
        expect([...(silence.silent() ?? [])].filter(isHere).sort()).toEqual(alone ? [] : held);
        for (const { until } of kernel.addresses().values()) expect(until === Number.POSITIVE_INFINITY).toBe(alone);
        const closed = announcement.close();
        await clock.advanceAsync(1000);
        await closed;
        expect(kernel.addresses().size).toBe(0);
        expect(silence.silent()).toBeUndefined();
        expect(node.open().frames).toBe(0);
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

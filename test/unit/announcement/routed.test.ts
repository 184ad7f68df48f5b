import { describe, expect, it } from 'vitest';
import { createRoutedAnnouncement, LEAVING, LOOPBACK } from '../../../src/exposure/announcement/routed/routed.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Link } from '../../../src/model/wire.ts';
import { LINK } from '../../support/exposure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeKernel, createFakeSilence } from '../../support/fake-kernel.ts';
import { createFakeRouteSink } from '../../support/route-sink.ts';

const VIP = ip('192.0.2.10');
const VIP6 = ip('2001:db8::10');

function world({ resumes = false, link }: { resumes?: boolean; link?: string } = {}) {
  const clock = createFakeClock();
  const kernel = createFakeKernel(clock);
  const silence = createFakeSilence(clock);
  const sink = createFakeRouteSink(resumes);
  let links: readonly Link[] = [LINK];
  let linksChanged = (): void => undefined;
  const told: string[] = [];
  const announced: string[] = [];
  const begin = () => {
    const announcement = createRoutedAnnouncement({
      network: { links: () => links, onChange: (callback) => ((linksChanged = callback), () => undefined) },
      addressTable: kernel,
      silence,
      clock,
      sink,
      ...(link === undefined ? {} : { link }),
      onAnnounced: (address) => announced.push(address),
    });
    announcement.onChange((address) => told.push(address));
    return announcement;
  };
  const setLinks = (next: readonly Link[]): void => {
    links = next;
    linksChanged();
  };
  return { clock, kernel, silence, sink, told, announced, begin, setLinks };
}

describe('addresses that routers are told of', () => {
  it('stand on loopback for ever, and the LAN gets no answer for them', async () => {
    const { begin, kernel, silence, clock, sink, announced } = world();
    const announcement = begin();
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready', value: { link: 'eth0' } });
    expect(announcement.ensure({ ip: VIP6 })).toMatchObject({ state: 'ready' });
    await clock.advanceAsync(0);
    expect([...kernel.addresses()]).toEqual([
      [VIP, { linkIndex: LOOPBACK.index, until: Infinity, prefixLength: 32 }],
      [VIP6, { linkIndex: LOOPBACK.index, until: Infinity, prefixLength: 128 }],
    ]);
    expect(silence.silent()).toEqual([VIP, VIP6]);
    expect(sink.log).toEqual([`here ${VIP}`, `here ${VIP6}`]);
    expect(announced).toEqual([VIP, VIP6]);
  });

  it('go at once when they are released', async () => {
    const { begin, kernel, sink, clock, silence } = world();
    const announcement = begin();
    announcement.ensure({ ip: VIP });
    expect(announcement.release(VIP)).toMatchObject({ state: 'off' });
    await clock.advanceAsync(0);
    expect(sink.routes.size).toBe(0);
    expect(kernel.addresses().size).toBe(0);
    expect(silence.silent()).toEqual([]);
  });

  it('are left in three steps: routers are asked to prefer others, then told, and then the address goes', () => {
    const { begin, kernel, sink, clock } = world();
    const announcement = begin();
    announcement.ensure({ ip: VIP });
    announcement.cede(VIP);
    expect(sink.routes.get(VIP)).toBe('leaving');
    clock.advance(LEAVING);
    expect(sink.routes.size).toBe(0);
    expect(kernel.addresses().has(VIP)).toBe(true);
    clock.advance(500);
    expect(kernel.addresses().size).toBe(0);
  });

  it('stay when they are asked for again while they are being left', () => {
    const { begin, kernel, sink, clock } = world();
    const announcement = begin();
    announcement.ensure({ ip: VIP });
    announcement.cede(VIP);
    clock.advance(LEAVING / 2);
    announcement.ensure({ ip: VIP });
    clock.advance(10_000);
    expect(sink.log).toEqual([`here ${VIP}`, `leaving ${VIP}`, `here ${VIP}`]);
    expect(kernel.addresses().size).toBe(1);
  });

  it('are handed over by a stop before they go', async () => {
    const { begin, kernel, sink, clock, silence } = world();
    const announcement = begin();
    announcement.ensure({ ip: VIP });
    const closed = announcement.close();
    await clock.advanceAsync(LEAVING - 1);
    expect(sink.routes.get(VIP)).toBe('leaving');
    expect(kernel.addresses().size).toBe(1);
    await clock.advanceAsync(1);
    await closed;
    expect(sink.log).toEqual([`here ${VIP}`, `leaving ${VIP}`, `gone ${VIP}`, 'closed']);
    expect(kernel.addresses().size).toBe(0);
    expect(silence.silent()).toBeUndefined();
    expect(clock.pending()).toBe(0);
  });

  it('of which nobody hears are an obstacle, and told of when somebody does', () => {
    const { begin, sink, told } = world();
    const announcement = begin();
    sink.listening(false);
    expect(announcement.obstacle({ ip: VIP })).toMatchObject({ reason: 'NoRouter' });
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'NoRouter' });
    sink.listening(true);
    expect(told).toEqual([VIP]);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });

  it('are put back when somebody takes them away, and wait for an interface that is not there', () => {
    const { begin, kernel, clock, setLinks, sink } = world({ link: 'eth1' });
    const announcement = begin();
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ reason: 'NoLink', message: /no interface eth1/ });
    expect(sink.routes.size).toBe(0);
    setLinks([LINK, { ...LINK, name: 'eth1', index: 3 }]);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready', value: { link: 'eth0' } });
    kernel.remove(3, VIP);
    clock.advance(5000);
    expect(kernel.addresses().get(VIP)?.linkIndex).toBe(3);
  });

  it('of which the kernel wants nothing are no routes', () => {
    const { begin, kernel, sink, clock } = world();
    const announcement = begin();
    kernel.fail(new Error('no right'));
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ reason: 'AddressRefused', message: /no right/ });
    expect(sink.routes.size).toBe(0);
    kernel.fail(undefined);
    clock.advance(5000);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });
});

describe('what an earlier run left', () => {
  it('goes at the start where routers have forgotten it', () => {
    const { begin, kernel } = world();
    kernel.set(LOOPBACK.index, VIP, 32);
    begin();
    expect(kernel.addresses().size).toBe(0);
  });

  it('stays where routers have not, until it is known what is wanted', async () => {
    const { begin, kernel, silence, clock, sink } = world({ resumes: true });
    const [kept, gone, elsewhere] = [VIP, ip('192.0.2.11'), ip('192.0.2.12')];
    kernel.set(LOOPBACK.index, kept, 32);
    kernel.set(LOOPBACK.index, gone, 32);
    kernel.set(2, elsewhere, 32, 2);
    const announcement = begin();
    await clock.advanceAsync(0);
    expect([...kernel.addresses().keys()]).toEqual([kept, gone]);
    expect(silence.silent()).toEqual([kept, gone]);
    announcement.ensure({ ip: kept });
    announcement.settled?.();
    expect([...kernel.addresses().keys()]).toEqual([kept]);
    expect(sink.log).toEqual([`here ${kept}`, 'settled']);
  });

  it('does not stay for ever', () => {
    const { begin, kernel, clock } = world({ resumes: true });
    kernel.set(LOOPBACK.index, VIP, 32);
    begin();
    clock.advance(60_000);
    expect(kernel.addresses().size).toBe(0);
  });
});

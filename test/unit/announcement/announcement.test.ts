import { describe, expect, it } from 'vitest';
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import type { LifeSeconds } from '../../../src/exposure/announcement/lifetime.ts';
import type { ClosableAnnouncement } from '../../../src/exposure/announcement/port.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { macFromBytes, macToBytes, parseMac, type Mac } from '../../../src/model/mac.ts';
import type { FrameSocket } from '../../../src/model/wire.ts';
import type { ConflictPolicy } from '../../../src/protocols/acd/defender.ts';
import type { Dialect } from '../../../src/protocols/acd/dialect.ts';
import { ARP } from '../../../src/protocols/arp/dialect.ts';
import { arpProbe } from '../../../src/protocols/arp/packet.ts';
import { NDP } from '../../../src/protocols/ndp/dialect.ts';
import { ndpProbe } from '../../../src/protocols/ndp/forms.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createFakeKernel, createFakeSilence, type FakeKernel, type FakeSilence } from '../../support/fake-kernel.ts';
import { createFakeLan, type FakeHost, type FakeLan } from '../../support/fake-network.ts';

const NODE_MAC = parseMac('02:00:00:00:00:01')!;
const CLIENT_MAC = parseMac('02:00:00:00:00:50')!;
const STRANGER_MAC = parseMac('02:00:00:00:00:66')!;
const ROGUE_MAC = parseMac('02:00:00:00:00:99')!;

interface World {
  readonly clock: FakeClock;
  readonly lan: FakeLan;
  readonly node: FakeHost;
  readonly kernel: FakeKernel;
  readonly silence: FakeSilence;
  readonly announcement: ClosableAnnouncement;
  /** What the client hears, with the time. */
  readonly heard: { readonly at: number; readonly frame: unknown }[];
  readonly say: (frame: unknown) => Promise<void>;
  /** Asks for the address; gives the MACs that answer. */
  readonly ask: (address: Ip) => Promise<Mac[]>;
}

/** A family, its addresses, and how it speaks. */
interface Speech {
  readonly name: string;
  readonly dialect: Dialect<unknown>;
  readonly subnet: (host: number) => Ip;
  /** In no subnet of the node. */
  readonly elsewhere: Ip;
  readonly prefixLength: number;
  /** The client, or another machine, asks for an address. */
  readonly question: (target: Ip, mac?: Mac, source?: Ip) => unknown;
}

const FAMILIES: readonly Speech[] = [
  {
    name: 'IPv4',
    dialect: ARP,
    subnet: (host) => ip(`10.77.0.${host}`),
    elsewhere: ip('192.168.9.9'),
    prefixLength: 32,
    question: (target, mac = CLIENT_MAC, source = ip('10.77.0.50')) => ({
      ...arpProbe(mac, target),
      senderIp: source,
    }),
  },
  {
    name: 'IPv6',
    dialect: NDP,
    subnet: (host) => ip(`2001:db8:77::${host}`),
    elsewhere: ip('2001:db8:99::9'),
    prefixLength: 128,
    question: (target, mac = CLIENT_MAC, source = ip('fe80::50')) => ({
      ...ndpProbe(mac, target),
      source,
      sourceMac: mac,
    }),
  },
];

describe.each(FAMILIES)('$name:', ({ dialect, subnet, elsewhere, prefixLength, question }) => {
  const VIP = subnet(200);
  const SECOND = subnet(201);
  const OWN = [{ ip: subnet(11), prefixLength: prefixLength === 32 ? 24 : 64 }];
  const announced = (mac = NODE_MAC, address = VIP): readonly unknown[] => dialect.announcement(mac, address);
  const claims = (frame: unknown, address = VIP): boolean => dialect.claim(frame)?.ip === address;

  async function createWorld(
    prepare?: (world: Pick<World, 'kernel' | 'silence' | 'clock'>) => void,
    mayAnswer?: (address: Ip) => boolean,
    life?: LifeSeconds,
  ): Promise<World> {
    const clock = createFakeClock();
    const lan = createFakeLan(clock);
    const node = lan.host({ name: 'n1', mac: NODE_MAC, addresses: OWN });
    const client = lan.host({ name: 'lap', mac: CLIENT_MAC, addresses: [{ ...OWN[0]!, ip: subnet(50) }] });
    const kernel = createFakeKernel(clock);
    const silence = createFakeSilence(clock);
    prepare?.({ kernel, silence, clock });
    const heard: World['heard'] = [];
    const link = client.network.links()[0]!;
    const socket: FrameSocket = client.network.openFrames({ link, ...dialect.hears, promiscuous: true }, (data) => {
      if (macFromBytes(data.slice(6, 12)) !== ROGUE_MAC) heard.push({ at: clock.now(), frame: dialect.decode(data) });
    });
    const announcement = createAnnouncement({
      network: node.network,
      addressTable: kernel,
      silence,
      clock,
      ...(mayAnswer ? { mayAnswer } : {}),
      ...(life ? { life } : {}),
    });
    await clock.advanceAsync(0);
    const say = async (frame: unknown): Promise<void> => {
      socket.send(dialect.encode(frame));
      await clock.advanceAsync(0);
    };
    return {
      clock,
      lan,
      node,
      kernel,
      silence,
      announcement,
      heard,
      say,
      ask: async (address) => {
        const before = heard.length;
        await say(question(address));
        return heard.slice(before).flatMap(({ frame }) => {
          const claim = dialect.claim(frame);
          const toClient = macFromBytes(dialect.encode(frame).slice(0, 6)) === CLIENT_MAC;
          return toClient && claim?.ip === address ? [claim.mac] : [];
        });
      },
    };
  }

  describe('an address that another node takes', () => {
    it('is silent from that moment, served half a second longer, and then gone', async () => {
      const { announcement, clock, kernel, silence, heard, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(90);
      const said = heard.length;
      expect(announcement.cede(VIP)).toMatchObject({ state: 'off', reason: 'Ceded' });
      expect(await ask(VIP)).toEqual([]);
      await clock.advanceAsync(499);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(silence.silent()).toEqual([VIP]);
      await clock.advanceAsync(1);
      expect(kernel.addresses().has(VIP)).toBe(false);
      expect(heard.slice(said).filter(({ frame }) => claims(frame))).toEqual([]);
    });

    it('and is given back meanwhile, is announced anew and stays', async () => {
      const { announcement, clock, kernel, heard, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(6000);
      announcement.cede(VIP);
      await clock.advanceAsync(100);
      heard.length = 0;
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
      await clock.advanceAsync(0);
      expect(heard.map(({ frame }) => frame)).toEqual(announced());
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      await clock.advanceAsync(1000);
      expect(kernel.addresses().has(VIP)).toBe(true);
    });

    it('goes at once where the kernel would answer for it', async () => {
      const { announcement, clock, kernel } = await createWorld();
      announcement.ensure({ ip: VIP });
      announcement.ensure({ ip: SECOND });
      await clock.advanceAsync(0);
      announcement.cede(VIP);
      announcement.setAlone(true);
      expect([...kernel.addresses().keys()]).toEqual([SECOND]);
      announcement.cede(SECOND);
      expect([...kernel.addresses().keys()]).toEqual([]);
    });
  });

  describe('an address that this node may not speak for', () => {
    it('is served in silence, neither answered for nor announced, and announced when it may be again', async () => {
      let may = true;
      const { announcement, clock, kernel, heard, ask } = await createWorld(undefined, () => may);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(50);
      may = false;
      heard.length = 0;
      await clock.advanceAsync(3000);
      expect(await ask(VIP)).toEqual([]);
      expect(heard.filter(({ frame }) => claims(frame))).toEqual([]);
      expect(kernel.addresses().has(VIP)).toBe(true);
      may = true;
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      heard.length = 0;
      announcement.ensure({ ip: VIP });
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
      await clock.advanceAsync(0);
      expect(heard.map(({ frame }) => frame)).toEqual(announced());
    });
  });

  describe('taking an address', () => {
    it('is ready at once: silenced, on the kernel by itself for two seconds, and announced in every form', async () => {
      const { announcement, clock, kernel, silence, heard } = await createWorld();
      expect(announcement.ensure({ ip: VIP })).toEqual({
        state: 'ready',
        reason: 'Announced',
        message: `${VIP} is announced on eth0`,
        value: { link: 'eth0', since: '2026-01-01T00:00:00.000Z' },
      });
      await clock.advanceAsync(0);
      expect(silence.silent()).toEqual([VIP]);
      expect(kernel.owned()).toEqual([{ ip: VIP, linkIndex: 2, prefixLength }]);
      expect(kernel.addresses().get(VIP)?.until).toBe(2000);
      expect(heard).toEqual(announced().map((frame) => ({ at: 0, frame })));
    });

    it('repeats the announcement at 0.1, 1.1, 2.2 and 5 s, then every 30 s', async () => {
      const { announcement, clock, heard } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(36_000);
      const times = [0, 100, 1100, 2200, 5000, 35_000];
      expect(heard).toEqual(times.flatMap((at) => announced().map((frame) => ({ at, frame }))));
    });

    it('announces within 2 ms even when silencing takes long, and gives the kernel the address only then', async () => {
      const { announcement, clock, kernel, silence, heard, ask } = await createWorld();
      silence.delay(20);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(2);
      expect(heard).toEqual(announced().map((frame) => ({ at: 2, frame })));
      heard.length = 0;
      expect(kernel.addresses().size).toBe(0);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      await clock.advanceAsync(18);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(silence.silent()).toEqual([VIP]);
      expect(heard.map(({ at, frame }) => ({ at, claim: dialect.claim(frame)?.ip }))).toEqual([{ at: 2, claim: VIP }]);
    });

    it('never gives the kernel an address that was asked for while another was being silenced', async () => {
      const { announcement, clock, kernel, silence } = await createWorld();
      silence.delay(20);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10);
      const second = SECOND;
      announcement.ensure({ ip: second });
      await clock.advanceAsync(12);
      expect([...kernel.addresses().keys()]).toEqual([VIP]);
      await clock.advanceAsync(20);
      expect(kernel.addresses().has(second)).toBe(true);
      expect(silence.silent()).toEqual([VIP, second]);
    });

    it('silences many in one step', async () => {
      const { announcement, clock, kernel, silence } = await createWorld();
      const many = Array.from({ length: 200 }, (_, i) => subnet(20 + i));
      silence.delay(1);
      many.forEach((address) => announcement.ensure({ ip: address }));
      await clock.advanceAsync(1);
      expect(kernel.addresses().size).toBe(many.length);
    });

    it('tells of all of many, in one form, before it tells of any of them again, in every form', async () => {
      const slow = ({ kernel, clock }: Pick<World, 'kernel' | 'clock'>): void => {
        const set = kernel.set.bind(kernel);
        kernel.set = (...args) => {
          clock.stall(1);
          set(...args);
        };
      };
      const { announcement, clock, node, heard } = await createWorld(slow);
      const many = Array.from({ length: 200 }, (_, i) => subnet(20 + i));
      many.forEach((address) => announcement.ensure({ ip: address }));
      for (let i = 0; i < 200; i++) {
        await clock.advanceAsync(1);
        // The kernel tells of each.
        node.setLink({ addresses: [...OWN, ...many.slice(0, i).map((address) => ({ ip: address, prefixLength }))] });
      }
      await clock.advanceAsync(200);
      const frames = heard.map(({ frame }) => frame);
      const told = frames.slice(0, many.length);
      expect(new Set(told.map((frame) => dialect.claim(frame)?.ip))).toEqual(new Set(many));
      for (const address of many) {
        const [brief] = announced(NODE_MAC, address);
        expect(told).toContainEqual(brief);
      }
      const [first] = many;
      const again = frames.slice(many.length).filter((frame) => claims(frame, first));
      expect(again.slice(0, announced().length)).toEqual(announced(NODE_MAC, first));
    });

    it('serves the address and says so when the kernel cannot be silenced', async () => {
      const { announcement, clock, kernel, silence, ask } = await createWorld();
      silence.fail(new Error('no nft here'));
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      expect(announcement.ensure({ ip: VIP })).toMatchObject({
        state: 'ready',
        reason: 'AnnouncedUnfenced',
        message: expect.stringContaining('no nft here') as string,
      });
      silence.fail(undefined);
      const changes: Ip[] = [];
      announcement.onChange((address) => changes.push(address));
      await clock.advanceAsync(5000);
      expect(changes).toEqual([VIP]);
      expect(announcement.ensure({ ip: VIP }).reason).toBe('Announced');
    });

    it('tells when the kernel refuses the address, does not answer for it, and tries again', async () => {
      const { announcement, clock, kernel, ask, heard } = await createWorld();
      const changes: Ip[] = [];
      announcement.onChange((address) => changes.push(address));
      kernel.fail(new Error('cannot put it there: EPERM'));
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      expect(changes).toEqual([VIP]);
      expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'AddressRefused' });
      expect(await ask(VIP)).toEqual([]);
      expect(heard.filter(({ frame }) => claims(frame))).toEqual([]);
      kernel.fail(undefined);
      await clock.advanceAsync(5000);
      expect(changes).toEqual([VIP, VIP]);
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
      expect(await ask(VIP)).toEqual([NODE_MAC]);
    });

    it('refuses what it cannot announce, with the reason', async () => {
      const { announcement, node } = await createWorld();
      expect(announcement.ensure({ ip: elsewhere })).toMatchObject({ state: 'failed', reason: 'NoLink' });
      expect(announcement.ensure({ ip: VIP, link: 'eth7' })).toMatchObject({ state: 'failed', reason: 'NoLink' });
      node.setLink({ up: false });
      expect(announcement.ensure({ ip: SECOND })).toMatchObject({ state: 'failed', reason: 'LinkDown' });
    });
  });

  describe('holding an address', () => {
    it.each([1, 2] as const)('refreshes a life of %i s for as long as the event loop turns', async (life) => {
      const { announcement, clock, kernel } = await createWorld(undefined, undefined, life);
      announcement.ensure({ ip: VIP });
      for (let i = 0; i < 100; i++) {
        await clock.advanceAsync(100);
        expect(kernel.addresses().has(VIP)).toBe(true);
      }
      expect(kernel.addresses().get(VIP)?.until).toBeLessThanOrEqual(clock.now() + 1000 * life);
      expect(kernel.sets()).toBeLessThan(40 / life);
    });

    it.each([1, 2] as const)('keeps many alive for %i s without ever setting many at once', async (life) => {
      const { announcement, clock, kernel } = await createWorld(undefined, undefined, life);
      const many = Array.from({ length: 240 }, (_, i) => subnet(10 + i));
      many.forEach((address) => announcement.ensure({ ip: address }));
      await clock.advanceAsync(1);
      let most = 0;
      for (let i = 0; i < 1000; i++) {
        const before = kernel.sets();
        await clock.advanceAsync(10);
        most = Math.max(most, kernel.sets() - before);
        expect(kernel.addresses().size).toBe(many.length);
      }
      expect(most).toBeLessThanOrEqual(40 / life);
    });

    it('answers questions and probes for it, and for nothing else', async () => {
      const { announcement, say, ask, heard } = await createWorld();
      announcement.ensure({ ip: VIP });
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      expect(await ask(SECOND)).toEqual([]);
      heard.length = 0;
      const probe = dialect.probe(CLIENT_MAC, VIP);
      await say(probe);
      expect(heard).toEqual([{ at: 0, frame: dialect.answer(NODE_MAC, probe)?.frame }]);
      heard.length = 0;
      for (const frame of announced(CLIENT_MAC)) await say(frame);
      expect(heard).toEqual([]);
    });

    it('is not disturbed by garbage on the wire', async () => {
      const { announcement, clock, lan, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      const rogue = lan.host({ name: 'rogue', mac: ROGUE_MAC, addresses: [] });
      const socket = rogue.network.openFrames({ link: rogue.network.links()[0]!, ...dialect.hears }, () => undefined);
      for (const length of [14, 20, 41, 60, 80]) {
        const junk = new Uint8Array(length).fill(0xff);
        junk.set(macToBytes(ROGUE_MAC), 6);
        // As much of a good frame as lets it pass the kernel's filter.
        const good = dialect.encode(dialect.probe(ROGUE_MAC, VIP));
        junk.set(good.slice(12, Math.min(22, length)), 12);
        if (length > 54) junk.set(good.slice(54, 55), 54);
        socket.send(junk);
      }
      await clock.advanceAsync(0);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
    });

    it('puts the address back at once when somebody takes it away', async () => {
      const { announcement, clock, kernel, node } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10);
      const withVip = [...OWN, { ip: VIP, prefixLength }];
      node.setLink({ addresses: withVip });
      kernel.remove(2, VIP);
      node.setLink({ addresses: withVip.slice(0, 1) });
      expect(kernel.addresses().has(VIP)).toBe(true);
    });

    it('says when the link loses its carrier, keeps the address, and announces anew when it is back', async () => {
      const { announcement, clock, kernel, node, heard } = await createWorld();
      const changes: Ip[] = [];
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10_000);
      announcement.onChange((address) => changes.push(address));
      node.setLink({ up: false });
      expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'LinkDown' });
      await clock.advanceAsync(10_000);
      expect(kernel.addresses().has(VIP)).toBe(true);
      heard.length = 0;
      node.setLink({ up: true });
      await clock.advanceAsync(0);
      expect(changes).toEqual([VIP, VIP]);
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
      expect(heard.map(({ frame }) => frame)).toEqual(announced());
    });

    it.each([
      ['', 0],
      [', after the process stood still', 6000],
    ])('forgets all that is released by whoever hears that the link has no carrier%s', async (_when, still) => {
      const { announcement, clock, kernel, silence, node } = await createWorld();
      // The filter takes its time: an attempt that never ends shows as time that goes on, not as a loop without any.
      silence.delay(1);
      for (const address of [VIP, SECOND]) announcement.ensure({ ip: address });
      await clock.advanceAsync(10_000);
      // As the control plane does: asks again for what is held, finds that it cannot be, and releases it.
      announcement.onChange(() => {
        for (const address of [VIP, SECOND]) announcement.ensure({ ip: address });
        for (const address of [VIP, SECOND]) announcement.release(address);
      });
      clock.stall(still);
      node.setLink({ up: false });
      await clock.advanceAsync(10_000);
      expect([...kernel.addresses().keys()]).toEqual([]);
      expect(silence.silent()).toEqual([]);
      expect(node.open().frames).toBe(0);
      expect(clock.next() ?? Number.POSITIVE_INFINITY).toBeGreaterThan(1000);
    });

    it('waits for a link that is not there, and follows one that is made anew', async () => {
      const { announcement, clock, kernel, node, ask } = await createWorld();
      node.setLink(undefined);
      const changes: Ip[] = [];
      announcement.onChange((address) => changes.push(address));
      expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'NoLink' });
      node.setLink({ index: 7 });
      await clock.advanceAsync(0);
      expect(changes).toEqual([VIP]);
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
      expect(kernel.owned()).toEqual([{ ip: VIP, linkIndex: 7, prefixLength }]);
      node.setLink({ index: 9 });
      await clock.advanceAsync(0);
      expect(kernel.owned()).toEqual([{ ip: VIP, linkIndex: 9, prefixLength }]);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      expect(node.open().frames).toBe(1);
    });

    it('speaks with the new MAC when the link gets another', async () => {
      const { announcement, clock, node, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      node.setLink({ mac: STRANGER_MAC });
      await clock.advanceAsync(0);
      expect(await ask(VIP)).toEqual([STRANGER_MAC]);
      expect(node.open().frames).toBe(1);
    });

    it('moves when another link is asked for', async () => {
      const { announcement, clock, kernel } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      expect(announcement.ensure({ ip: VIP, link: 'eth7' })).toMatchObject({ state: 'failed', reason: 'NoLink' });
      expect(kernel.addresses().size).toBe(0);
      expect(announcement.ensure({ ip: VIP, link: 'eth0' }).state).toBe('ready');
    });
  });

  describe('a process that was stopped', () => {
    it('for less than the lifetime goes on as if nothing had been', async () => {
      const { announcement, clock, kernel, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(500);
      clock.stall(1200);
      await clock.advanceAsync(0);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
    });

    it('for longer says nothing for the address, and leaves it alone until it is asked for again', async () => {
      const { announcement, clock, kernel, node, heard, ask } = await createWorld();
      const changes: Ip[] = [];
      announcement.onChange((address) => changes.push(address));
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(500);
      heard.length = 0;
      clock.stall(10_000);
      // Questions and news that came in meanwhile are there before any timer.
      node.setLink({ addresses: OWN });
      expect(await ask(VIP)).toEqual([]);
      await clock.advanceAsync(60_000);
      expect(heard.filter(({ frame }) => dialect.isEcho(frame, NODE_MAC))).toEqual([]);
      expect(kernel.addresses().size).toBe(0);
      expect(changes).toEqual([VIP]);
      node.setLink({ index: 9 });
      await clock.advanceAsync(60_000);
      expect(kernel.addresses().size).toBe(0);
      const second = announcement.ensure({ ip: VIP });
      expect(second.state).toBe('ready');
      await clock.advanceAsync(0);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      expect(heard[0]?.frame).toEqual(announced()[0]);
    });

    it('can let go instead', async () => {
      const { announcement, clock } = await createWorld();
      const decisions: unknown[] = [];
      announcement.onChange((address) => {
        const { state } = announcement.release(address);
        decisions.push(state);
      });
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(500);
      clock.stall(10_000);
      await clock.advanceAsync(60_000);
      expect(decisions).toEqual(['off']);
    });

    it('before the kernel had the address does not give it any more', async () => {
      const { announcement, clock, kernel, silence } = await createWorld();
      silence.delay(20);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10);
      clock.stall(10_000);
      await clock.advanceAsync(100);
      expect(kernel.sets()).toBe(0);
    });

    it('keeps the address while alone: there is nobody who could have it', async () => {
      const { announcement, clock, kernel } = await createWorld();
      announcement.setAlone(true);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(500);
      clock.stall(100_000);
      await clock.advanceAsync(60_000);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
    });
  });

  describe('alone or with others', () => {
    it('leaves the answering to the kernel and the address without a lifetime while alone', async () => {
      const { announcement, clock, kernel, silence, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      announcement.setAlone(true);
      await clock.advanceAsync(0);
      expect(silence.silent()).toEqual([]);
      expect(kernel.addresses().get(VIP)?.until).toBe(Number.POSITIVE_INFINITY);
      expect(await ask(VIP)).toEqual([]);
      const second = SECOND;
      announcement.ensure({ ip: second });
      await clock.advanceAsync(3000);
      expect(kernel.addresses().get(second)?.until).toBe(Number.POSITIVE_INFINITY);
      expect(silence.silent()).toEqual([]);
    });

    it('answers itself from the moment others are there, and the kernel is silenced', async () => {
      const { announcement, clock, kernel, silence, ask } = await createWorld();
      announcement.setAlone(true);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      silence.delay(20);
      announcement.setAlone(false);
      expect(kernel.addresses().get(VIP)?.until).toBe(clock.now() + 2000);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      await clock.advanceAsync(20);
      expect(silence.silent()).toEqual([VIP]);
      await clock.advanceAsync(10_000);
      expect(kernel.addresses().has(VIP)).toBe(true);
    });

    it('goes on answering until the kernel may', async () => {
      const { announcement, clock, silence, ask } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      silence.delay(20);
      announcement.setAlone(true);
      await clock.advanceAsync(10);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
      await clock.advanceAsync(10);
      expect(await ask(VIP)).toEqual([]);
    });
  });

  describe('letting go', () => {
    it('takes address, rule and voice away, and sends nothing more', async () => {
      const { announcement, clock, kernel, silence, heard, ask, node } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(50);
      expect(announcement.release(VIP)).toMatchObject({ state: 'off', reason: 'Released' });
      expect(kernel.addresses().size).toBe(0);
      await clock.advanceAsync(0);
      expect(silence.silent()).toEqual([]);
      expect(node.open().frames).toBe(0);
      heard.length = 0;
      await clock.advanceAsync(60_000);
      expect(heard).toEqual([]);
      expect(await ask(VIP)).toEqual([]);
      expect(announcement.release(VIP).state).toBe('off');
    });

    it('leaves nothing of an address that is let go before the kernel had it', async () => {
      const { announcement, clock, kernel, silence, heard } = await createWorld();
      silence.delay(20);
      announcement.ensure({ ip: VIP });
      announcement.release(VIP);
      await clock.advanceAsync(10_000);
      expect(kernel.addresses().size).toBe(0);
      expect(silence.silent()).toEqual([]);
      expect(heard).toEqual([]);
    });

    it('keeps the others on the same link', async () => {
      const { announcement, clock, kernel, silence, ask } = await createWorld();
      const second = SECOND;
      announcement.ensure({ ip: VIP });
      announcement.ensure({ ip: second });
      await clock.advanceAsync(0);
      announcement.release(VIP);
      await clock.advanceAsync(3000);
      expect([...kernel.addresses().keys()]).toEqual([second]);
      expect(silence.silent()).toEqual([second]);
      expect(await ask(second)).toEqual([NODE_MAC]);
      expect(await ask(VIP)).toEqual([]);
    });

    it('says so when the kernel does not let go, and tries again', async () => {
      const { announcement, clock, kernel } = await createWorld();
      announcement.setAlone(true);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(0);
      kernel.fail(new Error('EBUSY'));
      expect(announcement.release(VIP)).toMatchObject({ state: 'failed', reason: 'AddressStuck' });
      kernel.fail(undefined);
      await clock.advanceAsync(5000);
      expect(kernel.addresses().size).toBe(0);
      expect(announcement.release(VIP).state).toBe('off');
    });

    it('leaves no address, rule, socket or timer when closed', async () => {
      const { announcement, clock, kernel, silence, node } = await createWorld();
      announcement.ensure({ ip: VIP });
      announcement.ensure({ ip: SECOND });
      await clock.advanceAsync(500);
      await announcement.close();
      await clock.advanceAsync(100);
      expect(kernel.addresses().size).toBe(0);
      expect(silence.silent()).toBeUndefined();
      expect(node.open()).toEqual({ frames: 0, datagrams: 0 });
      expect(clock.pending()).toBe(0);
    });

    it('stays closed when something is still asked for afterwards', async () => {
      const { announcement, clock, kernel, silence } = await createWorld();
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(500);
      const closed = announcement.close();
      announcement.setAlone(true);
      await closed;
      announcement.setAlone(false);
      await clock.advanceAsync(500);
      expect(silence.silent()).toBeUndefined();
      expect(kernel.addresses().size).toBe(0);
    });

    it('removes what an earlier run left', async () => {
      const { kernel, silence } = await createWorld((world) => {
        world.kernel.set(2, VIP, prefixLength);
        void world.silence.set([VIP]);
      });
      expect(kernel.owned()).toEqual([]);
      expect(silence.silent()).toEqual([]);
    });
  });

  describe('claims of others', () => {
    /** Follows the conflicts of a world, and lets a stranger answer for the address as long as it is told to. */
    const watch = ({ announcement, lan, clock }: World) => {
      const told: string[] = [];
      announcement.onConflict(({ mac, link, policy }) => told.push(`${policy} ${mac} ${link}`));
      announcement.onConflictOver(({ mac, link, policy }) => told.push(`over ${policy} ${mac} ${link}`));
      const stranger = lan.host({ name: 'stranger', mac: STRANGER_MAC, addresses: [] });
      let there = true;
      const socket = stranger.network.openFrames(
        { link: stranger.network.links()[0]!, ...dialect.hears, promiscuous: true },
        (data) => {
          const answer = dialect.answer(STRANGER_MAC, dialect.decode(data));
          if (there && answer?.ip === VIP) socket.send(dialect.encode(answer.frame));
        },
      );
      return {
        told,
        claim: async () => {
          for (const frame of announced(STRANGER_MAC)) socket.send(dialect.encode(frame));
          await clock.advanceAsync(0);
        },
        leave: () => {
          there = false;
        },
      };
    };
    /** As the reconciler does while this node is the owner. */
    const own = ({ announcement }: World, onConflict: ConflictPolicy): void => {
      announcement.onChange((address) => announcement.ensure({ ip: address, onConflict }));
      announcement.ensure({ ip: VIP, onConflict });
    };

    it('are no conflict when they end, as when an address moves', async () => {
      const world = await createWorld();
      const { announcement, clock, say, heard } = world;
      const { told } = watch(world);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10_000);
      heard.length = 0;
      for (const pause of [0, 100]) {
        await clock.advanceAsync(pause);
        await say(announced(STRANGER_MAC)[0]);
      }
      await clock.advanceAsync(800);
      expect(heard).toEqual([]);
      announcement.release(VIP);
      await clock.advanceAsync(60_000);
      expect(heard).toEqual([]);
      expect(told).toEqual([]);
    });

    it('are told at once, since they may be a takeover, and an owner that has doubts is silent from then on', async () => {
      const world = await createWorld();
      const { announcement, clock, ask } = world;
      const { claim } = watch(world);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10_000);
      announcement.onClaim((address) => announcement.release(address));
      await claim();
      expect(await ask(VIP)).toEqual([STRANGER_MAC]);
    });

    it('are answered after a second, and no conflict when nobody stands up for them', async () => {
      const world = await createWorld();
      const { announcement, clock, heard } = world;
      const { told, claim, leave } = watch(world);
      announcement.ensure({ ip: VIP });
      await clock.advanceAsync(10_000);
      await claim();
      leave();
      heard.length = 0;
      await clock.advanceAsync(1000);
      expect(heard).toEqual(announced().map((frame) => ({ at: 11_000, frame })));
      await clock.advanceAsync(20_000);
      expect(told).toEqual([]);
    });

    it('are told once when their machine answers for the address, defended against, and told when it is gone', async () => {
      const world = await createWorld();
      const { clock, kernel, ask, announcement, heard } = world;
      const { told, claim, leave } = watch(world);
      own(world, 'defend');
      await clock.advanceAsync(10_000);
      await claim();
      await clock.advanceAsync(1100);
      expect(told).toEqual([`defend ${STRANGER_MAC} eth0`]);
      heard.length = 0;
      await clock.advanceAsync(50_000);
      expect(told).toHaveLength(1);
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
      const defences = heard.filter(({ frame }) => claims(frame) && dialect.isEcho(frame, NODE_MAC));
      expect(defences.length).toBeGreaterThanOrEqual(5 * announced().length);
      expect(await ask(VIP)).toContain(NODE_MAC);
      leave();
      await clock.advanceAsync(20_000);
      expect(told).toEqual([`defend ${STRANGER_MAC} eth0`, `over defend ${STRANGER_MAC} eth0`]);
    });

    it('make it let go at once where it shall yield, and come back by itself when their machine is gone', async () => {
      const world = await createWorld();
      const { clock, kernel, ask, announcement, heard } = world;
      const { told, claim, leave } = watch(world);
      own(world, 'yield');
      await clock.advanceAsync(10_000);
      await claim();
      heard.length = 0;
      await clock.advanceAsync(1000);
      expect(told).toEqual([`yield ${STRANGER_MAC} eth0`]);
      expect(kernel.addresses().has(VIP)).toBe(false);
      expect(announcement.ensure({ ip: VIP, onConflict: 'yield' })).toMatchObject({
        state: 'failed',
        reason: 'AddressConflict',
        message: expect.stringContaining(STRANGER_MAC) as string,
      });
      expect(await ask(VIP)).toEqual([STRANGER_MAC]);
      await clock.advanceAsync(60_000);
      expect(kernel.sets()).toBeLessThan(30);
      expect(kernel.addresses().has(VIP)).toBe(false);
      expect(heard.filter(({ frame }) => claims(frame) && dialect.isEcho(frame, NODE_MAC))).toEqual([]);
      expect(told).toHaveLength(1);
      leave();
      await clock.advanceAsync(20_000);
      expect(told).toEqual([`yield ${STRANGER_MAC} eth0`, `over yield ${STRANGER_MAC} eth0`]);
      expect(announcement.ensure({ ip: VIP, onConflict: 'yield' }).state).toBe('ready');
      expect(kernel.addresses().has(VIP)).toBe(true);
      expect(await ask(VIP)).toEqual([NODE_MAC]);
    });

    it('of a silent machine, which answers nothing, are found when it claims the address again', async () => {
      const world = await createWorld();
      const { clock, kernel } = world;
      const { told, claim, leave } = watch(world);
      leave();
      own(world, 'yield');
      await clock.advanceAsync(10_000);
      await claim();
      await clock.advanceAsync(30_000);
      expect(told).toEqual([]);
      expect(kernel.addresses().has(VIP)).toBe(true);
      await claim();
      expect(told).toEqual([`yield ${STRANGER_MAC} eth0`]);
      expect(kernel.addresses().has(VIP)).toBe(false);
    });

    it('do not move it back before the other machine is gone: link down and up, another MAC, agents coming and going', async () => {
      const world = await createWorld();
      const { clock, kernel, node, announcement } = world;
      const { claim, leave, told } = watch(world);
      own(world, 'yield');
      await clock.advanceAsync(10_000);
      await claim();
      await clock.advanceAsync(1000);
      node.setLink({ up: false });
      await clock.advanceAsync(15_000);
      node.setLink({ up: true });
      await clock.advanceAsync(1);
      node.setLink({ mac: ROGUE_MAC });
      announcement.setAlone(true);
      await clock.advanceAsync(1);
      announcement.setAlone(false);
      expect(announcement.ensure({ ip: VIP, onConflict: 'yield' })).toMatchObject({ reason: 'AddressConflict' });
      expect(kernel.addresses().has(VIP)).toBe(false);
      leave();
      await clock.advanceAsync(30_000);
      expect(told.at(-1)).toContain('over');
      expect(kernel.addresses().has(VIP)).toBe(true);
    });

    it('can be met by another policy later', async () => {
      const world = await createWorld();
      const { clock, kernel, announcement } = world;
      const { claim } = watch(world);
      announcement.ensure({ ip: VIP, onConflict: 'yield' });
      await clock.advanceAsync(10_000);
      await claim();
      await clock.advanceAsync(1000);
      expect(kernel.addresses().has(VIP)).toBe(false);
      expect(announcement.ensure({ ip: VIP, onConflict: 'defend' }).state).toBe('ready');
      await clock.advanceAsync(0);
      expect(kernel.addresses().has(VIP)).toBe(true);
    });

    it('leave nothing behind when it is released while it yields', async () => {
      const world = await createWorld();
      const { clock, node, announcement, silence } = world;
      const { claim, told } = watch(world);
      announcement.ensure({ ip: VIP, onConflict: 'yield' });
      await clock.advanceAsync(10_000);
      await claim();
      await clock.advanceAsync(1000);
      expect(announcement.release(VIP).state).toBe('off');
      await clock.advanceAsync(60_000);
      expect(silence.silent()).toEqual([]);
      expect(node.open().frames).toBe(0);
      expect(clock.pending()).toBe(0);
      expect(told).toHaveLength(1);
    });

    it('are none when this node hears itself', async () => {
      const world = await createWorld();
      const { announcement, clock, say } = world;
      const { told, leave } = watch(world);
      leave();
      announcement.ensure({ ip: VIP });
      for (let i = 0; i < 50; i++) {
        await clock.advanceAsync(100);
        await say(announced()[0]);
      }
      expect(told).toEqual([]);
    });
  });
});

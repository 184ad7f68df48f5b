import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../src/exposure/announcement/tunnel/key.ts';
import { ip } from '../../../src/model/ip.ts';
import { keyOf, OFFICE, textOf, tunnelWorld, VIP } from '../../support/tunnel-world.ts';

const VIP6 = ip('2001:db8::10');
const SIX = { ...OFFICE, vip: VIP6, privateKey: keyOf(6), listenPort: 51_826, allowedIPs: ['::/0'] };

async function up(fields: Readonly<Record<string, unknown>> = {}) {
  const world = tunnelWorld();
  const announcement = world.begin();
  world.book.say(textOf({ office: { ...OFFICE, ...fields } }));
  announcement.ensure({ ip: VIP });
  await world.clock.advanceAsync(100);
  return { ...world, announcement };
}

describe('an address behind a tunnel', () => {
  it('has its interface, its rules and a far end that is called, in that order', async () => {
    const world = tunnelWorld();
    const announcement = world.begin();
    expect(announcement.reach).toBe('owner');
    world.book.say(textOf({ office: OFFICE }));
    expect(announcement.obstacle({ ip: VIP })).toBeUndefined();
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'pending', reason: 'TunnelComing' });
    await world.clock.advanceAsync(100);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({
      state: 'ready',
      reason: 'Announced',
      message: '10.99.0.10 is announced through tunnel office to 203.0.113.1:51820',
      value: { link: 'office' },
    });
    expect([...world.kernel.addresses()]).toEqual([[VIP, { linkIndex: 10, until: Infinity, prefixLength: 32 }]]);
    expect(world.ways()).toEqual([{ name: 'office', ip: VIP, listenPort: 51_821, mtu: 1420, slot: 0 }]);
    expect(world.log).toEqual(['office leads by 10', 'office calls 203.0.113.1 each 1 s anew']);
    expect(world.silence.silent()).toEqual([VIP]);
    expect(world.announced).toEqual([VIP]);
    expect(world.told).toContain(VIP);
  });

  it('is told again each second that it is here, and after a while as often as the Secret says', async () => {
    const { clock, log } = await up();
    await clock.advanceAsync(20_000);
    expect(log.filter((line) => line.includes('calls'))).toEqual([
      'office calls 203.0.113.1 each 1 s anew',
      'office calls 203.0.113.1 each 5 s',
    ]);
  });

  it('is called at once also where nothing is to be said afterwards', async () => {
    const { clock, log } = await up({ persistentKeepalive: 0 });
    await clock.advanceAsync(20_000);
    expect(log.filter((line) => line.includes('calls'))).toEqual([
      'office calls 203.0.113.1 each 1 s anew',
      'office calls 203.0.113.1 each 0 s',
    ]);
  });

  it('may be spoken for while this agent says so, and by one that owns it', async () => {
    const { clock, speaking, may } = await up();
    await clock.advanceAsync(600);
    expect(speaking()).toEqual([51_821]);
    may.answer = false;
    await clock.advanceAsync(600);
    expect(speaking()).toEqual([]);
  });

  it('waits to be called until this node may speak for it', async () => {
    const world = tunnelWorld();
    world.may.answer = false;
    const announcement = world.begin();
    world.book.say(textOf({ office: OFFICE }));
    announcement.ensure({ ip: VIP });
    await world.clock.advanceAsync(1000);
    expect(world.log).toEqual([]);
    world.may.answer = true;
    await world.clock.advanceAsync(1000);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });

  it.each(['release', 'cede'] as const)('is gone at once: %s', async (how) => {
    const { announcement, links, ways, clock, silence } = await up();
    expect(announcement[how](VIP)).toMatchObject({ state: 'off' });
    expect([...links]).toEqual([]);
    await clock.advanceAsync(100);
    expect(ways()).toEqual([]);
    expect(silence.silent()).toEqual([]);
  });

  it('that is released while its interface is made leaves none', async () => {
    const world = tunnelWorld();
    const announcement = world.begin();
    world.book.say(textOf({ office: OFFICE }));
    announcement.ensure({ ip: VIP });
    await world.clock.advanceAsync(10);
    announcement.release(VIP);
    await world.clock.advanceAsync(100);
    expect([...world.links]).toEqual([]);
    expect(world.log).toEqual([]);
  });

  it('of either family has a tunnel of its own', async () => {
    const world = await up();
    world.book.say(textOf({ office: OFFICE, six: SIX }));
    world.announcement.ensure({ ip: VIP6 });
    await world.clock.advanceAsync(100);
    expect(world.ways()?.map(({ name, slot }) => `${name} ${slot}`)).toEqual(['office 0', 'six 1']);
    world.announcement.release(VIP);
    await world.clock.advanceAsync(100);
    expect(world.ways()?.map(({ name, slot }) => `${name} ${slot}`)).toEqual(['six 1']);
  });

  it('is let go by an agent that was held up longer than its word holds', async () => {
    const { announcement, clock, links, told } = await up();
    clock.stall(2500);
    told.length = 0;
    await clock.advanceAsync(0);
    expect([...links]).toEqual([]);
    expect(told).toEqual([VIP]);
    announcement.ensure({ ip: VIP });
    await clock.advanceAsync(100);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });

  it('leaves nothing at the end', async () => {
    const { announcement, clock, links, ways } = await up();
    await announcement.close();
    expect([...links]).toEqual([]);
    expect(ways()).toEqual([]);
    expect(clock.pending()).toBe(0);
  });
});

describe('what an earlier run left', () => {
  it('goes before anything else', async () => {
    const world = tunnelWorld();
    world.links.set('office', 7);
    world.kernel.set(7, VIP, 32);
    world.begin();
    expect([...world.links]).toEqual([]);
    expect([...world.kernel.addresses()]).toEqual([]);
    await world.clock.advanceAsync(0);
    expect(world.ways()).toEqual([]);
  });
});

describe('the Secret', () => {
  it('that changes is followed: one tunnel, and no other', async () => {
    const world = await up();
    world.book.say(textOf({ office: OFFICE, six: SIX }));
    world.announcement.ensure({ ip: VIP6 });
    await world.clock.advanceAsync(10_000);
    world.log.length = 0;
    world.book.say(textOf({ office: { ...OFFICE, peerPublicKey: keyOf(3) }, six: SIX }));
    await world.clock.advanceAsync(100);
    expect(world.log.filter((line) => line.includes('calls'))).toEqual(['office calls 203.0.113.1 each 1 s anew']);
    expect([...world.links.keys()]).toEqual(['office', 'six']);
  });

  it('that gives a tunnel another name has it made anew', async () => {
    const { book, clock, links } = await up();
    book.say(textOf({ home: OFFICE }));
    await clock.advanceAsync(100);
    expect([...links.keys()]).toEqual(['home']);
  });

  it('without a tunnel for the address says so, and the tunnel goes', async () => {
    const { book, clock, links, announcement, told } = await up();
    told.length = 0;
    book.say('absent');
    await clock.advanceAsync(100);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'NoTunnel' });
    // It would be no better elsewhere.
    expect(announcement.obstacle({ ip: VIP })).toBeUndefined();
    expect([...links]).toEqual([]);
    expect(told).toContain(VIP);
  });

  it('that is not read yet leaves the address to nodes that have', () => {
    const world = tunnelWorld();
    expect(world.begin().obstacle({ ip: VIP })).toMatchObject({ state: 'pending', reason: 'TunnelsUnknown' });
  });
});

describe('a node that cannot have tunnels', () => {
  it('says what is missing, and has one as soon as it can', async () => {
    const world = tunnelWorld();
    world.may.make = 'the program wg is not installed';
    const announcement = world.begin();
    world.book.say(textOf({ office: OFFICE }));
    const missing = { state: 'failed', reason: 'NoWireguard', message: /wg is not installed$/ as never };
    expect(announcement.obstacle({ ip: VIP })).toMatchObject(missing);
    announcement.ensure({ ip: VIP });
    await world.clock.advanceAsync(10);
    expect(announcement.ensure({ ip: VIP })).toMatchObject(missing);
    world.may.make = undefined;
    await world.clock.advanceAsync(6000);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });

  it('says why an interface was refused, and tries again', async () => {
    const world = tunnelWorld();
    world.refuse(new Error('there is an interface office already'));
    const announcement = world.begin();
    world.book.say(textOf({ office: OFFICE }));
    announcement.ensure({ ip: VIP });
    await world.clock.advanceAsync(100);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({
      reason: 'TunnelRefused',
      message: '10.99.0.10 is not announced: there is an interface office already',
    });
    world.refuse(undefined);
    await world.clock.advanceAsync(6000);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });
});

describe('what somebody took away', () => {
  it.each([
    ['an interface', (world: Awaited<ReturnType<typeof up>>) => world.links.clear()],
    ['the rules', (world: Awaited<ReturnType<typeof up>>) => world.flushRules()],
  ])('%s is put back', async (_what, take) => {
    const world = await up();
    take(world);
    await world.clock.advanceAsync(6000);
    expect([...world.links.keys()]).toEqual(['office']);
    expect(world.ways()).toHaveLength(1);
    expect(world.announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });
});

describe('a far end', () => {
  it('that never answers is told with the key that it has to know', async () => {
    const { announcement, clock, told, handshakes, may, book, log } = await up();
    may.hear = false;
    handshakes.clear();
    book.say(textOf({ office: { ...OFFICE, peerPublicKey: keyOf(3) } }));
    log.length = 0;
    told.length = 0;
    await clock.advanceAsync(16_000);
    // Once more, sooner than WireGuard would by itself.
    expect(log.filter((line) => line.includes('anew'))).toHaveLength(2);
    const silent = announcement.ensure({ ip: VIP });
    expect(silent).toMatchObject({ state: 'ready', reason: 'AnnouncedUnanswered' });
    expect(silent.message).toContain(`203.0.113.1:51820 does not answer`);
    expect(silent.message).toContain(publicKeyOf(keyOf(1)));
    expect(told).toContain(VIP);
    handshakes.set('office', clock.wall().getTime() / 1000);
    await clock.advanceAsync(5000);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ reason: 'Announced' });
    await clock.advanceAsync(300_000);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ reason: 'AnnouncedUnanswered' });
  });

  it('with a name is where that leads, also later', async () => {
    const world = tunnelWorld();
    world.names.set('vpn.example.com', [ip('203.0.113.1'), ip('203.0.113.2')]);
    const announcement = world.begin();
    world.book.say(textOf({ office: { ...OFFICE, peerEndpoint: 'vpn.example.com:51820' } }));
    announcement.ensure({ ip: VIP });
    await world.clock.advanceAsync(70_000);
    world.names.set('vpn.example.com', [ip('203.0.113.2'), ip('203.0.113.1')]);
    await world.clock.advanceAsync(70_000);
    world.names.set('vpn.example.com', [ip('203.0.113.3')]);
    await world.clock.advanceAsync(70_000);
    world.names.delete('vpn.example.com');
    await world.clock.advanceAsync(70_000);
    expect(world.log.filter((line) => line.includes('calls'))).toEqual([
      'office calls 203.0.113.1 each 1 s anew',
      'office calls 203.0.113.1 each 5 s',
      'office calls 203.0.113.3 each 5 s',
    ]);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready' });
  });

  it('with a name that leads nowhere is told', async () => {
    const { announcement } = await up({ peerEndpoint: 'nowhere.example:5' });
    expect(announcement.ensure({ ip: VIP }).message).toContain(
      'peerEndpoint nowhere.example cannot be resolved: ENOTFOUND',
    );
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAddressProber } from '../../../src/exposure/address/prober.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import type { Ip } from '../../../src/model/ip.ts';
import { eventually, type Lan } from '../../support/netns.ts';
import { createWorld, FAMILIES, type World } from './world.ts';

describe.each(FAMILIES)('an $name address on the LAN', (facts) => {
  const { subnet, prefixLength } = facts;
  const [VIP, SECOND, FOREIGN] = [subnet(200), subnet(201), subnet(230)];
  let world: World;
  let lan: Lan<'n1' | 'n2' | 'lap' | 'rival'>;
  beforeAll(async () => {
    world = await createWorld(facts);
    lan = world.lan;
  });
  afterEach(async () => await world.reset());
  afterAll(async () => await world.dispose());

  it('resolves to the MAC of the node that holds it, answered once, and carries traffic', async () => {
    const { announcement } = world.start('n1');
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready', value: { link: 'eth0' } });
    expect(await world.allAnswers(VIP)).toEqual([lan.hosts.n1.mac]);
    expect(await world.reaches(VIP)).toBe(true);
    expect(await world.neighbour(VIP)).toBe(lan.hosts.n1.mac);
  });

  it('is answered for by the agent and not by the kernel, and by the kernel while alone', async () => {
    const { announcement, silence } = world.start('n1');
    announcement.ensure({ ip: VIP });
    await eventually('on the kernel', () => world.onKernel('n1', VIP));
    expect(await lan.hosts.n1.must(['nft', 'list', 'ruleset'])).toContain(world.inRules(VIP));
    await silence.set([]);
    expect(await world.allAnswers(VIP)).toEqual([lan.hosts.n1.mac, lan.hosts.n1.mac]);
    announcement.setAlone(true);
    await eventually('only one answers', async () => (await world.allAnswers(VIP)).length === 1);
    announcement.setAlone(false);
    await eventually('silence again', async () =>
      (await lan.hosts.n1.must(['nft', 'list', 'ruleset'])).includes(world.inRules(VIP)),
    );
    expect(await world.allAnswers(VIP)).toEqual([lan.hosts.n1.mac]);
  });

  it('falls silent with the process that held it, serves what is under way, and goes by itself', async () => {
    const holder = await world.startHolder('n1', [VIP]);
    expect(await world.firstAnswer(VIP)).toBe(lan.hosts.n1.mac);
    await lan.hosts.lap.must(['ip', 'neigh', 'replace', VIP, 'lladdr', lan.hosts.n1.mac, 'dev', 'eth0']);
    await world.kill(holder, 'SIGKILL');
    expect(await world.onKernel('n1', VIP)).toBe(true);
    expect(await world.reaches(VIP)).toBe(true);
    const killed = performance.now();
    expect(await world.firstAnswer(VIP)).toBeUndefined();
    await eventually('address gone', async () => !(await world.onKernel('n1', VIP)));
    expect(performance.now() - killed).toBeLessThan(4000);
    await lan.hosts.lap.must(['ip', 'neigh', 'del', VIP, 'dev', 'eth0']);
  });

  it('falls silent while the process is frozen, and is back when it goes on', async () => {
    const holder = await world.startHolder('n1', [VIP]);
    holder.kill('SIGSTOP');
    expect(await world.firstAnswer(VIP)).toBeUndefined();
    await eventually('address gone', async () => !(await world.onKernel('n1', VIP)));
    holder.kill('SIGCONT');
    await eventually('address back', () => world.onKernel('n1', VIP));
    expect(await world.firstAnswer(VIP)).toBe(lan.hosts.n1.mac);
    await world.kill(holder, 'SIGTERM');
    expect(await world.onKernel('n1', VIP)).toBe(false);
  });

  it('moves: a neighbour that knew the old node knows the new one at once', async () => {
    const holder = await world.startHolder('n1', [VIP]);
    const second = world.start('n2');
    // A holder on a busy machine may be late with its first answer.
    await eventually('the first node answers', () => world.reaches(VIP));
    expect(await world.neighbour(VIP)).toBe(lan.hosts.n1.mac);
    await world.kill(holder, 'SIGKILL');
    second.announcement.ensure({ ip: VIP });
    await eventually('neighbour entry changed', async () => (await world.neighbour(VIP)) === lan.hosts.n2.mac);
    expect(await world.reaches(VIP)).toBe(true);
    expect(await world.firstAnswer(VIP)).toBe(lan.hosts.n2.mac);
  });

  it('is cleaned up by the next start after a crash, and only what is ours', async () => {
    await world.start('n1').announcement.close();
    const before = await world.state('n1');
    await lan.hosts.n1.ip8(`addr add ${FOREIGN}/${prefixLength} dev eth0`);
    // On a busy machine the address may have run out by itself before it is looked for: of that crash nothing is left to see.
    await eventually('something left behind', async () => {
      await world.kill(await world.startHolder('n1', [VIP, SECOND]), 'SIGKILL');
      return await world.onKernel('n1', VIP);
    });
    const next = world.start('n1');
    expect(await world.onKernel('n1', VIP)).toBe(false);
    expect(await world.onKernel('n1', FOREIGN)).toBe(true);
    next.announcement.ensure({ ip: VIP });
    await eventually('only the new one is silent', async () => {
      const rules = await lan.hosts.n1.must(['nft', 'list', 'ruleset']);
      return rules.includes(`elements = { ${world.inRules(VIP)} }`);
    });
    await next.announcement.close();
    await lan.hosts.n1.ip8(`addr del ${FOREIGN}/${prefixLength} dev eth0`);
    expect(await world.state('n1')).toBe(before);
  });

  it('leaves nothing when it is released, and nothing at all when the agent ends', async () => {
    const before = await world.state('n1');
    const { announcement, silence } = world.start('n1');
    await silence.set([]);
    const idle = await world.state('n1');
    for (const address of [VIP, SECOND]) announcement.ensure({ ip: address });
    await eventually(
      'both there',
      async () => (await world.onKernel('n1', VIP)) && (await world.onKernel('n1', SECOND)),
    );
    expect(await world.state('n1')).not.toBe(idle);
    expect(announcement.release(VIP).state).toBe('off');
    expect(announcement.release(SECOND).state).toBe('off');
    await silence.set([]);
    expect(await world.state('n1')).toBe(idle);
    announcement.ensure({ ip: VIP });
    await announcement.close();
    expect(await world.state('n1')).toBe(before);
  });

  it('is put back at once when somebody removes it, and rules when somebody flushes them', async () => {
    const { announcement } = world.start('n1');
    announcement.ensure({ ip: VIP });
    await eventually('there', () => world.onKernel('n1', VIP));
    await lan.hosts.n1.must(['ip', 'addr', 'del', `${VIP}/${prefixLength}`, 'dev', 'eth0']);
    await eventually('there again', () => world.onKernel('n1', VIP), 1000);
    await lan.hosts.n1.must(['nft', 'flush', 'ruleset']);
    await eventually('silent again', async () =>
      (await lan.hosts.n1.must(['nft', 'list', 'ruleset'])).includes(world.inRules(VIP)),
    );
    expect(await world.firstAnswer(VIP)).toBe(lan.hosts.n1.mac);
  });

  it('follows its link down and up', async () => {
    const { announcement } = world.start('n1');
    const changes: Ip[] = [];
    announcement.onChange((address) => changes.push(address));
    announcement.ensure({ ip: VIP });
    await lan.setCable('n1', false);
    await eventually('noticed', () => changes.length === 1);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'LinkDown' });
    await lan.setCable('n1', true);
    await eventually('noticed', () => changes.length === 2);
    expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
    expect(await world.firstAnswer(VIP)).toBe(lan.hosts.n1.mac);
    // Down by the administrator takes the kernel's addresses and our socket's ear along.
    await lan.hosts.n1.ip8('link set eth0 down');
    await eventually('noticed', () => changes.length === 3);
    await lan.hosts.n1.ip8('link set eth0 up');
    await world.giveOwn('n1');
    await eventually('noticed', () => changes.length === 4);
    await eventually('answered', async () => (await world.firstAnswer(VIP)) === lan.hosts.n1.mac);
    expect(await world.reaches(VIP)).toBe(true);
  });

  it('is seen as used by a probe while a node holds it, and as free when none does', async () => {
    const { network } = world.start('n2');
    const prober = createAddressProber({ network, clock: createSystemClock(), entropy: systemEntropy });
    expect(await prober.probe(VIP, 'eth0')).toBeUndefined();
    expect(await prober.probe(subnet(13), 'eth0')).toBe(lan.hosts.lap.mac);
    world.start('n1').announcement.ensure({ ip: VIP });
    expect(await prober.probe(VIP, 'eth0')).toBe(lan.hosts.n1.mac);
    await expect(prober.probe(VIP, 'eth9')).rejects.toMatchObject({ code: 'NO_LINK' });
  });
});

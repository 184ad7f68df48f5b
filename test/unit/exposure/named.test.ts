import { describe, expect, it } from 'vitest';
import { NamedAddresses, type NameWish } from '../../../src/exposure/address/named.ts';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { CONDITION, KEY } from '../../../src/model/annotations.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { ServiceKey } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createWorld, MAC, service, type World } from '../../support/exposure.ts';

const WEB = 'default/web';
const NAME = 'web.example.com';
const [A, B, A6, B6] = [ip('10.77.0.60'), ip('10.77.0.61'), ip('fd77::60'), ip('fd77::61')];

describe('addresses of names', () => {
  function world(answers: () => Readonly<Record<string, readonly Ip[]>>) {
    const clock = createFakeClock();
    const changed: ServiceKey[] = [];
    const asked: string[] = [];
    const named = new NamedAddresses({
      clock,
      changed: (services) => changed.push(...services),
      lookUp: (name) => {
        asked.push(name);
        const answer = answers()[name];
        return answer === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(answer);
      },
    });
    const of = (over: Partial<NameWish> = {}, before?: readonly Ip[]) =>
      named.of({ service: WEB, names: [NAME], families: [4], needsEveryFamily: false, ...over }, before);
    return { clock, changed, asked, of };
  }

  it('are one of each family, in its order, and what is in use as long as it is among them', async () => {
    const { clock, of } = world(() => ({ [NAME]: [A6, A, B, B6] }));
    of();
    await clock.advanceAsync(0);
    expect(of()).toMatchObject({ state: 'ready', value: [A] });
    expect(of({ families: [6, 4] })).toMatchObject({ value: [A6, A] });
    expect(of({ families: [4, 6] }, [B, B6])).toMatchObject({ value: [B, B6] });
    expect(of({ families: [4] }, [ip('10.77.0.99')])).toMatchObject({ value: [A] });
  });

  it('may be of several names, and wait for all of them', async () => {
    let answers: Readonly<Record<string, readonly Ip[]>> = { v4: [A] };
    const { clock, of } = world(() => answers);
    const wish = { names: ['v4', 'v6'], families: [4, 6] as const };
    of(wish);
    await clock.advanceAsync(0);
    expect(of(wish)).toMatchObject({ state: 'pending', message: expect.stringContaining('v6 cannot') as string });
    answers = { ...answers, v6: [A6] };
    await clock.advanceAsync(3000);
    expect(of(wish)).toMatchObject({ state: 'ready', value: [A, A6] });
  });

  it('lack a family that there is none of, which some Services cannot do without', async () => {
    const { clock, of } = world(() => ({ [NAME]: [A] }));
    of();
    await clock.advanceAsync(0);
    expect(of({ families: [4, 6] })).toMatchObject({ value: [A] });
    const refused = { state: 'pending', message: `${NAME} has no IPv6 address: it is ${A}` };
    expect(of({ families: [4, 6], needsEveryFamily: true })).toMatchObject(refused);
    expect(of({ families: [6] })).toMatchObject(refused);
  });

  it('are asked for every 3 s while anybody asks for them, and tell what changes', async () => {
    let answer: readonly Ip[] = [A];
    const { clock, changed, asked, of } = world(() => ({ [NAME]: answer }));
    of();
    await clock.advanceAsync(0);
    expect(changed).toEqual([WEB]);
    for (let i = 0; i < 10; i++) {
      of();
      await clock.advanceAsync(30_000);
    }
    expect(asked).toHaveLength(101);
    expect(changed).toEqual([WEB]);
    answer = [B];
    await clock.advanceAsync(3000);
    expect(changed).toEqual([WEB, WEB]);
    await clock.advanceAsync(200_000);
    const { length } = asked;
    await clock.advanceAsync(200_000);
    expect(asked).toHaveLength(length);
    expect(clock.pending()).toBe(0);
  });

  it('stay what they were while no name server answers, however long', async () => {
    let answers: Readonly<Record<string, readonly Ip[]>> = { [NAME]: [A] };
    const { clock, of } = world(() => answers);
    of();
    await clock.advanceAsync(0);
    for (const silence of [{}, { [NAME]: [] }]) {
      answers = silence;
      for (let i = 0; i < 100; i++) {
        await clock.advanceAsync(30_000);
        expect(of()).toMatchObject({ state: 'ready', value: [A] });
      }
    }
  });
});

describe('answers', () => {
  it('that lack a family which was there are believed after a minute', async () => {
    const clock = createFakeClock();
    let answer: readonly Ip[] = [A, A6];
    const named = new NamedAddresses({ clock, changed: () => undefined, lookUp: () => Promise.resolve(answer) });
    const wish = { service: WEB, names: [NAME], families: [4, 6], needsEveryFamily: false } as const;
    const valueAfter = async (time: number): Promise<unknown> => {
      await clock.advanceAsync(time);
      const decision = named.of(wish);
      return decision.state === 'ready' ? decision.value : decision.reason;
    };
    named.of(wish);
    expect(await valueAfter(0)).toEqual([A, A6]);
    answer = [A];
    expect(await valueAfter(50_000)).toEqual([A, A6]);
    answer = [A, B6];
    expect(await valueAfter(3000)).toEqual([A, B6]);
    answer = [B];
    expect(await valueAfter(50_000)).toEqual([B, B6]);
    expect(await valueAfter(13_000)).toEqual([B]);
  });

  it('that do not come hold up no more than two at once', async () => {
    const clock = createFakeClock();
    let open = 0;
    let most = 0;
    const asked = new Set<string>();
    const named = new NamedAddresses({
      clock,
      changed: () => undefined,
      lookUp: async (name) => {
        asked.add(name);
        most = Math.max(most, ++open);
        await new Promise<void>((resolve) => clock.after(100, resolve));
        open--;
        throw new Error('EAI_AGAIN');
      },
    });
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
    for (const name of names) named.of({ service: WEB, names: [name], families: [4], needsEveryFamily: false });
    await clock.advanceAsync(2000);
    expect(most).toBe(2);
    expect([...asked]).toEqual(names);
  });
});

describe('a Service that asks for a name', () => {
  async function named(over: Readonly<Record<string, unknown>> = {}, text: string = NAME): Promise<World> {
    const world = createWorld('n1');
    const web = service('web');
    world.services.set(WEB, {
      ...web,
      metadata: { ...web.metadata, annotations: { ...web.metadata.annotations, [KEY.loadBalancerIPs]: text } },
      spec: { ...web.spec, ...over },
    });
    world.dns.set(NAME, [A]);
    await world.settle(WEB);
    return world;
  }
  const assigned = (world: World) => readAssigned(world.services.get(WEB)!);
  const addressOf = (world: World) => world.condition(WEB, CONDITION.address);
  const pass = async (world: World): Promise<void> => {
    await world.clock.advanceAsync(3000);
    await world.settle(WEB);
  };

  it('has what it leads to, and the name stands beside it', async () => {
    const world = await named({}, ' Web.Example.com. ');
    expect([...world.announced]).toEqual([A]);
    expect(assigned(world)).toEqual({ ips: [A], source: 'explicit', name: NAME });
    expect(addressOf(world)).toMatchObject({ status: 'True', message: `${A} by the name ${NAME}` });
    expect(world.services.get(WEB)?.metadata.annotations?.[KEY.loadBalancerIPs]).toBe(' Web.Example.com. ');
  });

  it('has none before it leads anywhere, and says why', async () => {
    const world = createWorld('n1');
    world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.loadBalancerIPs]: NAME } } }));
    await world.settle(WEB);
    expect([...world.announced]).toEqual([]);
    expect(addressOf(world)).toMatchObject({ reason: 'NameNotResolved' });
    expect(addressOf(world)?.message).toContain('ENOTFOUND');
    world.dns.set(NAME, [A]);
    await pass(world);
    expect([...world.announced]).toEqual([A]);
  });

  it('moves with it: the former address goes', async () => {
    const world = await named();
    world.dns.set(NAME, [B]);
    await pass(world);
    expect([...world.announced]).toEqual([B]);
    expect(assigned(world)?.ips).toEqual([B]);
    expect(world.services.get(WEB)?.status?.loadBalancer?.ingress?.map((each) => each.ip)).toEqual([B]);
  });

  it('keeps its address while no name server answers, also with an agent that never heard one', async () => {
    const world = await named();
    world.dns.delete(NAME);
    await pass(world);
    expect([...world.announced]).toEqual([A]);
    const next = createWorld('n1');
    next.services.set(WEB, world.services.get(WEB)!);
    await next.settle(WEB);
    expect([...next.announced]).toEqual([A]);
    expect(addressOf(next)).toMatchObject({ status: 'True' });
  });

  it('does not get what somebody else on the LAN has, and keeps what it has', async () => {
    const world = await named();
    world.strangers.set(B, MAC);
    world.dns.set(NAME, [B]);
    await pass(world);
    expect(assigned(world)?.ips).toEqual([A]);
    expect([...world.announced]).toEqual([A]);
    expect(addressOf(world)).toMatchObject({ status: 'False', reason: 'AddressConflict' });
    expect(world.allocator.notFollowed(WEB)).toMatch(new RegExp(`^${NAME} is ${B}: ${B} `));
    world.dns.set(NAME, [A]);
    await pass(world);
    expect(world.allocator.notFollowed(WEB)).toBeUndefined();
    expect(addressOf(world)).toMatchObject({ status: 'True' });
  });

  it('is told by the agent that gives out addresses, and moved by its owner, who asks no name server', async () => {
    const owner = await named();
    const giver = createWorld('n2');
    giver.owner = 'n1';
    giver.live = ['n1', 'n2'];
    giver.services.set(WEB, owner.services.get(WEB)!);
    giver.dns.set(NAME, [B]);
    // First it does not know yet, and takes what stands there.
    await giver.settle(WEB);
    await pass(giver);
    expect(assigned(giver)).toMatchObject({ ips: [A], name: NAME, next: { ips: [B], name: NAME } });
    owner.allocating = false;
    const { length } = owner.lookUps;
    owner.services.set(WEB, giver.services.get(WEB)!);
    await owner.settle(WEB);
    expect([...owner.announced]).toEqual([B]);
    expect(assigned(owner)).toEqual({ ips: [B], source: 'explicit', name: NAME });
    expect(owner.lookUps).toHaveLength(length);
  });

  it('has both families that it is of', async () => {
    const world = await named({ ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
    expect(addressOf(world)).toMatchObject({ reason: 'NameNotResolved' });
    world.dns.set(NAME, [A6, A]);
    await pass(world);
    expect([...world.announced]).toEqual([A, A6]);
  });

  it('asks for names or for addresses, not both', async () => {
    const world = await named({}, `${NAME},10.77.0.9`);
    expect([...world.announced]).toEqual([]);
    expect(addressOf(world)).toMatchObject({ reason: 'InvalidAddress' });
    expect(addressOf(world)?.message).toContain('give names alone, or addresses alone');
  });
});

import { describe, expect, it } from 'vitest';
import { nameClaimOf, NameClaims } from '../../../src/exposure/naming/name-claims.ts';
import { CONDITION, KEY } from '../../../src/model/annotations.ts';
import { keyOf, type Service } from '../../../src/model/kubernetes.ts';
import { createWorld, service, type World } from '../../support/exposure.ts';

function named(name: string, created: string, annotations: Record<string, string> = {}): Service {
  const creationTimestamp = `2026-01-01T00:00:${created}Z`;
  return service(name, { metadata: { creationTimestamp, annotations: { [KEY.mdns]: 'web', ...annotations } } });
}

/** As each agent does it, in whatever order it has come to see them. */
function claimsOf(services: readonly Service[]): NameClaims {
  const claims = new NameClaims();
  for (const one of services) {
    const asked = (one.metadata.annotations?.[KEY.mdns] ?? '').split(',').map((label) => `${label}.local`);
    claims.set(keyOf(one), nameClaimOf(one, { name: { hosts: asked } }));
  }
  return claims;
}

const refused = (claims: NameClaims, services: readonly Service[]) =>
  services.filter((one) => claims.refusal(keyOf(one)) !== undefined).map(({ metadata: { name } }) => name);

describe('a name that several Services ask for', () => {
  it('belongs to the older one, in whatever order they are seen', () => {
    const services = [named('new', '30'), named('old', '10'), named('middle', '20')];
    for (const order of [services, services.toReversed(), [services[1]!, services[2]!, services[0]!]]) {
      expect(refused(claimsOf(order), services)).toEqual(['new', 'middle']);
    }
    expect(claimsOf(services).refusal('default/new')).toEqual({
      state: 'failed',
      reason: 'NameTaken',
      message: 'web.local belongs to Service default/old, which had it first; choose another name',
    });
  });

  it('belongs to the smaller uid of two that are of the same second', () => {
    const services = [named('b', '10'), named('a', '10')];
    expect(refused(claimsOf(services), services)).toEqual(['b']);
  });

  it('stays with the one that has published it, though an older one asks for it later', () => {
    const services = [named('old', '10'), named('new', '20', { [KEY.publishedNames]: 'web.local' })];
    expect(refused(claimsOf(services), services)).toEqual(['old']);
  });

  it('is also the one that a Service has come to by renaming', () => {
    const renamed = named('renamed', '20', { [KEY.publishedNames]: 'web-2.local' });
    const asking = named('asking', '10', { [KEY.mdns]: 'web-2' });
    expect(refused(claimsOf([renamed, asking]), [renamed, asking])).toEqual(['asking']);
    const moved = named('renamed', '20', { [KEY.mdns]: 'shop', [KEY.publishedNames]: 'web-2.local' });
    expect(refused(claimsOf([moved, asking]), [moved, asking])).toEqual([]);
  });

  it('passes on, and those who wait are told', () => {
    const services = [named('old', '10'), named('new', '20'), named('other', '05', { [KEY.mdns]: 'other' })];
    const claims = claimsOf(services);
    expect(claims.set('default/old', undefined)).toEqual(['default/new']);
    expect(claims.refusal('default/new')).toBeUndefined();
    expect(claims.set('default/old', undefined)).toEqual([]);
    expect(claims.set('default/other', undefined)).toEqual([]);
  });
});

describe('two Services on different nodes that ask for the same name', () => {
  /** The same cluster seen by two agents, each of which owns one of the addresses. */
  async function twoNodes(): Promise<{ n1: World; n2: World; both: World[] }> {
    const [n1, n2] = [createWorld('n1'), createWorld('n2')];
    const both = [n1, n2];
    for (const world of both) for (const one of [named('young', '20'), named('old', '10')]) put(world, one);
    const keys = ['default/young', 'default/old'] as const;
    for (const world of both) for (const key of keys) world.reconciler.reconcile(key);
    for (const world of both) for (const key of keys) await world.settle(key);
    expect(both.map(({ again }) => [...again])).toEqual([['default/young'], ['default/young']]);
    return { n1, n2, both };
  }
  const put = (world: World, one: Service) => void world.services.set(keyOf(one), one);

  it('are told alike on every node: the older has it, the younger is told NameTaken', async () => {
    const { both } = await twoNodes();
    for (const world of both) {
      expect(world.condition('default/old', CONDITION.name)).toMatchObject({ status: 'True', reason: 'NamePublished' });
      expect(world.condition('default/young', CONDITION.name)).toMatchObject({ status: 'False', reason: 'NameTaken' });
      expect(world.services.get('default/young')?.metadata.annotations).not.toHaveProperty(KEY.publishedNames);
    }
  });

  it('pass it on when the older goes', async () => {
    const { n2 } = await twoNodes();
    n2.again.clear();
    n2.services.delete('default/old');
    n2.reconciler.reconcile('default/old');
    expect([...n2.again]).toEqual(['default/young']);
    await n2.settle('default/young');
    expect(n2.condition('default/young', CONDITION.name)).toMatchObject({ status: 'True' });
  });
});

describe('what a Service remembers of its names', () => {
  it('is hosts and DNS-SD instances while they are published, and nothing once it asks for none', async () => {
    const world = createWorld();
    const web = named('web', '10');
    world.services.set(keyOf(web), web);
    const after = await world.settle(keyOf(web));
    expect(after?.metadata.annotations).toMatchObject({
      [KEY.publishedNames]: 'web.local',
      [KEY.publishedInstances]: 'web._http._tcp.local',
    });
    const annotations = { ...after!.metadata.annotations, [KEY.mdns]: 'false' };
    world.services.set(keyOf(web), { ...after!, metadata: { ...after!.metadata, annotations } });
    const quiet = await world.settle(keyOf(web));
    expect(quiet?.metadata.annotations).not.toHaveProperty(KEY.publishedNames);
    expect(quiet?.metadata.annotations).not.toHaveProperty(KEY.publishedInstances);
  });
});

import { describe, expect, it, beforeAll } from 'vitest';
import { at, listAt, textAt, type Answer } from './client.ts';
import { CONFIG_MAPS, configMap, service, SERVICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

const names = (answer: Answer): unknown[] => listAt(answer.body, 'items').map((item) => at(item, 'metadata.name'));

againstEachServer('lists', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);

  beforeAll(async () => {
    for (const name of ['l-a', 'l-b', 'l-c', 'l-d', 'l-e']) {
      const tier = name < 'l-c' ? 'front' : 'back';
      const labels = { set: 'lists', tier, ...(name === 'l-e' ? { canary: 'yes' } : {}) };
      await call('POST', CONFIG_MAPS, configMap(name, {}, { labels }));
    }
  });

  it('gives a resource version, and items without kind and version, in the order of their names', async () => {
    const answer = await call('GET', `${CONFIG_MAPS}?labelSelector=set%3Dlists`);
    expect(answer.body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(textAt(answer.body, 'metadata.resourceVersion')).toMatch(/^\d+$/);
    expect(names(answer)).toEqual(['l-a', 'l-b', 'l-c', 'l-d', 'l-e']);
    expect(at(answer.body, 'items.0.kind')).toBeUndefined();
    expect(at(answer.body, 'items.0.apiVersion')).toBeUndefined();
  });

  it.each([
    ['tier=front', ['l-a', 'l-b']],
    ['tier==front', ['l-a', 'l-b']],
    ['tier!=front', ['l-c', 'l-d', 'l-e']],
    ['tier in (front,other)', ['l-a', 'l-b']],
    ['tier notin (front)', ['l-c', 'l-d', 'l-e']],
    ['canary', ['l-e']],
    ['!canary,tier=back', ['l-c', 'l-d']],
  ])('selects by labels: %s', async (selector, expected) => {
    const query = new URLSearchParams({ labelSelector: `set=lists,${selector}` });
    expect(names(await call('GET', `${CONFIG_MAPS}?${query.toString()}`))).toEqual(expected);
  });

  it('refuses selectors that are none, and fields that cannot be selected by', async () => {
    expect((await call('GET', `${CONFIG_MAPS}?labelSelector=((`)).code).toBe(400);
    expect((await call('GET', `${CONFIG_MAPS}?fieldSelector=nonsense`)).code).toBe(400);
    expect((await call('GET', `${CONFIG_MAPS}?fieldSelector=data.a%3D1`)).code).toBe(400);
  });

  it('selects by fields', async () => {
    expect(names(await call('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dl-b`))).toEqual(['l-b']);
    const everywhere = await call(
      'GET',
      '/api/v1/configmaps?fieldSelector=metadata.namespace%3Ddefault,metadata.name%3Dl-c',
    );
    expect(names(everywhere)).toEqual(['l-c']);
    await call('POST', SERVICES, service('l-lb', { type: 'LoadBalancer' }));
    expect(names(await call('GET', `${SERVICES}?fieldSelector=spec.type%3DLoadBalancer`))).toEqual(['l-lb']);
  });

  describe('in pages', () => {
    const page = (token?: unknown): string => {
      const query = new URLSearchParams({ limit: '2', labelSelector: 'set=lists' });
      if (typeof token === 'string') query.set('continue', token);
      return `${CONFIG_MAPS}?${query.toString()}`;
    };

    it('shows one state of the cluster, whatever happens meanwhile', async () => {
      const first = await call('GET', page());
      await call('POST', CONFIG_MAPS, configMap('l-b2', {}, { labels: { set: 'lists' } }));
      const second = await call('GET', page(at(first.body, 'metadata.continue')));
      const third = await call('GET', page(at(second.body, 'metadata.continue')));
      await call('DELETE', `${CONFIG_MAPS}/l-b2`);
      expect([...names(first), ...names(second), ...names(third)]).toEqual(['l-a', 'l-b', 'l-c', 'l-d', 'l-e']);
      expect(at(third.body, 'metadata.resourceVersion')).toBe(at(first.body, 'metadata.resourceVersion'));
      expect(at(third.body, 'metadata.continue')).toBeUndefined();
    });

    it('says how many are left when no selector is given', async () => {
      const all = await call('GET', CONFIG_MAPS);
      const first = await call('GET', `${CONFIG_MAPS}?limit=1`);
      expect(at(first.body, 'metadata.remainingItemCount')).toBe(names(all).length - 1);
    });

    it('refuses a token that is none', async () => {
      expect((await call('GET', `${CONFIG_MAPS}?limit=1&continue=nonsense`)).code).toBe(400);
    });
  });

  describe('by version', () => {
    it('takes any version that was given out', async () => {
      const { body } = await call('GET', CONFIG_MAPS);
      const version = textAt(body, 'metadata.resourceVersion');
      expect((await call('GET', `${CONFIG_MAPS}?resourceVersion=0`)).code).toBe(200);
      expect((await call('GET', `${CONFIG_MAPS}?resourceVersion=${version}`)).code).toBe(200);
    });

    it('shows the exact state on request', async () => {
      const { body } = await call('POST', CONFIG_MAPS, configMap('exact', { a: 'old' }));
      const version = textAt(body, 'metadata.resourceVersion');
      await call('PUT', `${CONFIG_MAPS}/exact`, configMap('exact', { a: 'new' }));
      const query = `resourceVersion=${version}&resourceVersionMatch=Exact&fieldSelector=metadata.name%3Dexact`;
      const answer = await call('GET', `${CONFIG_MAPS}?${query}`);
      expect([at(answer.body, 'items.0.data.a'), at(answer.body, 'metadata.resourceVersion')]).toEqual([
        'old',
        version,
      ]);
    });

    it('refuses versions from the future and what is no version', async () => {
      const future = await call('GET', `${CONFIG_MAPS}?resourceVersion=99999999`);
      expect([future.code, at(future.body, 'reason'), at(future.body, 'details.causes.0.reason')]).toEqual([
        504,
        'Timeout',
        'ResourceVersionTooLarge',
      ]);
      expect((await call('GET', `${CONFIG_MAPS}?resourceVersion=x`)).code).toBe(400);
      expect((await call('GET', `${CONFIG_MAPS}?resourceVersionMatch=Exact`)).code).toBe(422);
    });
  });
});

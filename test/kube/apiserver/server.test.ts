import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApiServer, type ApiServer } from '../../../src/lab/apiserver/server.ts';
import { at, createClient, listAt, textAt, type Answer, type Client } from '../contract/client.ts';
import { CONFIG_MAPS, configMap, deployment, DEPLOYMENTS, MERGE, service, SERVICES } from '../contract/objects.ts';

let server: ApiServer;
let client: Client;
const call: Client['call'] = async (...args) => await client.call(...args);

beforeEach(async () => {
  server = await startApiServer({ historySize: 8, bookmarkIntervalMs: 20 });
  client = createClient(server.url, server.ca, server.tokens.admin);
});
afterEach(async () => {
  client.close();
  await server.stop();
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await holds()) return;
    await delay(10);
  }
  throw new Error(`never came true: ${what}`);
}

const isGone = (path: string) => async (): Promise<boolean> => (await call('GET', path)).code === 404;

describe('versions that are forgotten', () => {
  it('give 410 to watches, as an event, and to exact lists', async () => {
    const { body } = await call('POST', CONFIG_MAPS, configMap('old'));
    const version = textAt(body, 'metadata.resourceVersion');
    await call('PATCH', `${CONFIG_MAPS}/old`, { data: { a: '2' } }, MERGE);
    server.compact();
    const stream = await client.watch(`${CONFIG_MAPS}?resourceVersion=${version}`);
    const event = await stream.next();
    expect([event.type, at(event.object, 'code'), at(event.object, 'reason')]).toEqual(['ERROR', 410, 'Expired']);
    await stream.ended();
    const list = await call('GET', `${CONFIG_MAPS}?resourceVersion=${version}&resourceVersionMatch=Exact`);
    expect([list.code, at(list.body, 'reason')]).toEqual([410, 'Expired']);
    const now = await client.watch(`${CONFIG_MAPS}?resourceVersion=${server.revision}`);
    await call('POST', CONFIG_MAPS, configMap('new'));
    expect(at((await now.next()).object, 'metadata.name')).toBe('new');
    now.close();
  });

  it('end a list in pages with a token to go on at one’s own risk', async () => {
    for (const name of ['p-1', 'p-2', 'p-3']) await call('POST', CONFIG_MAPS, configMap(name));
    const first = await call('GET', `${CONFIG_MAPS}?limit=1`);
    await call('POST', CONFIG_MAPS, configMap('p-4'));
    server.compact();
    const next = async (answer: Answer): Promise<Answer> =>
      await call('GET', `${CONFIG_MAPS}?limit=10&continue=${textAt(answer.body, 'metadata.continue')}`);
    const gone = await next(first);
    expect(gone.code).toBe(410);
    const rest = await next(gone);
    expect(listAt(rest.body, 'items').map((item) => at(item, 'metadata.name'))).toEqual(['p-2', 'p-3', 'p-4']);
  });

  it('come by themselves when much is written', async () => {
    const start = server.revision;
    for (let i = 0; i < 40; i++) await call('POST', CONFIG_MAPS, configMap(`m-${i}`));
    const stream = await client.watch(`${CONFIG_MAPS}?resourceVersion=${start}`);
    expect((await stream.next()).type).toBe('ERROR');
    // Other resources keep their own history.
    const services = await client.watch(`${SERVICES}?resourceVersion=${start}`);
    await call('POST', SERVICES, service('late'));
    expect((await services.next()).type).toBe('ADDED');
    services.close();
  });
});

describe('watches', () => {
  it('get bookmarks while nothing happens, if they want them', async () => {
    const stream = await client.watch(`${CONFIG_MAPS}?resourceVersion=${server.revision}&allowWatchBookmarks=true`);
    const first = await stream.next();
    expect([first.type, at(first.object, 'metadata.resourceVersion')]).toEqual(['BOOKMARK', String(server.revision)]);
    await call('POST', SERVICES, service('elsewhere'));
    const fits = ({ object }: { object: unknown }): boolean =>
      at(object, 'metadata.resourceVersion') === String(server.revision);
    expect((await stream.next(fits)).type).toBe('BOOKMARK');
    stream.close();
  });

  it('can be cut off', async () => {
    const streams = [await client.watch(CONFIG_MAPS), await client.watch(SERVICES)];
    expect(server.dropWatches()).toBe(2);
    for (const stream of streams) await stream.ended();
    expect(server.dropWatches()).toBe(0);
    expect((await call('GET', CONFIG_MAPS)).code).toBe(200);
  });
});

describe('injected faults', () => {
  it('meet the requests they are meant for, as often as they say', async () => {
    server.inject({ verb: 'list', resource: 'services', code: 500, reason: 'InternalError', times: 2 });
    const codes = [];
    for (let i = 0; i < 3; i++) codes.push((await call('GET', SERVICES)).code);
    expect([codes, (await call('GET', CONFIG_MAPS)).code]).toEqual([[500, 500, 200], 200]);
  });

  it('hold requests back until they are taken away', async () => {
    const takeBack = server.inject({ verb: 'create', resource: 'configmaps', delayMs: 50 });
    const begun = performance.now();
    expect((await call('POST', CONFIG_MAPS, configMap('late'))).code).toBe(201);
    expect(performance.now() - begun).toBeGreaterThan(45);
    takeBack();
    expect((await call('POST', CONFIG_MAPS, configMap('soon'))).code).toBe(201);
  });
});

describe('garbage', () => {
  const owned = (name: string, owners: unknown[]) => configMap(name, {}, { ownerReferences: owners });
  const reference = ({ body }: Answer, more: Record<string, unknown> = {}) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: textAt(body, 'metadata.name'),
    uid: textAt(body, 'metadata.uid'),
    ...more,
  });

  it('goes after its owner, down the line', async () => {
    const owner = await call('POST', DEPLOYMENTS, deployment('g-owner'));
    const child = await call('POST', CONFIG_MAPS, owned('g-child', [reference(owner)]));
    await call(
      'POST',
      CONFIG_MAPS,
      owned('g-grandchild', [{ ...reference(child), apiVersion: 'v1', kind: 'ConfigMap' }]),
    );
    await call('DELETE', `${DEPLOYMENTS}/g-owner`);
    await until('the child is gone', isGone(`${CONFIG_MAPS}/g-child`));
    await until('the grandchild is gone', isGone(`${CONFIG_MAPS}/g-grandchild`));
  });

  it('stays with another owner, and loses the reference to the one that went', async () => {
    const one = await call('POST', DEPLOYMENTS, deployment('g-one'));
    const two = await call('POST', DEPLOYMENTS, deployment('g-two'));
    await call('POST', CONFIG_MAPS, owned('g-both', [reference(one), reference(two)]));
    await call('DELETE', `${DEPLOYMENTS}/g-one`);
    const owners = async () => listAt((await call('GET', `${CONFIG_MAPS}/g-both`)).body, 'metadata.ownerReferences');
    await until('one owner is left', async () => (await owners()).length === 1);
    expect(at(await owners(), '0.name')).toBe('g-two');
  });

  it('is left as an orphan on request', async () => {
    const owner = await call('POST', DEPLOYMENTS, deployment('g-orphans'));
    await call('POST', CONFIG_MAPS, owned('g-orphan', [reference(owner)]));
    await call('DELETE', `${DEPLOYMENTS}/g-orphans?propagationPolicy=Orphan`);
    await until('the owner is gone', isGone(`${DEPLOYMENTS}/g-orphans`));
    const { body } = await call('GET', `${CONFIG_MAPS}/g-orphan`);
    expect(at(body, 'metadata.ownerReferences')).toBeUndefined();
  });

  it('goes before its owner on request', async () => {
    const owner = await call('POST', DEPLOYMENTS, deployment('g-first'));
    const finalizers = ['a.b/c'];
    await call(
      'POST',
      CONFIG_MAPS,
      configMap('g-blocking', {}, { finalizers, ownerReferences: [reference(owner, { blockOwnerDeletion: true })] }),
    );
    const { body } = await call('DELETE', `${DEPLOYMENTS}/g-first`, { propagationPolicy: 'Foreground' });
    expect(at(body, 'metadata.finalizers')).toEqual(['foregroundDeletion']);
    await until(
      'the dependent is being deleted',
      async () => at((await call('GET', `${CONFIG_MAPS}/g-blocking`)).body, 'metadata.deletionTimestamp') !== undefined,
    );
    expect((await call('GET', `${DEPLOYMENTS}/g-first`)).code).toBe(200);
    await call('PATCH', `${CONFIG_MAPS}/g-blocking`, { metadata: { finalizers: null } }, MERGE);
    await until('the owner is gone', isGone(`${DEPLOYMENTS}/g-first`));
  });
});

describe('a namespace', () => {
  it('takes what is in it along, and waits for what is held', async () => {
    const path = '/api/v1/namespaces/n-going';
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'n-going' } });
    await until('it has an account', async () => (await call('GET', `${path}/serviceaccounts/default`)).code === 200);
    await call('POST', `${path}/services`, service('web'));
    await call('POST', `${path}/configmaps`, configMap('held', {}, { finalizers: ['a.b/c'] }));
    expect(at((await call('DELETE', path)).body, 'status.phase')).toBe('Terminating');
    await until('the Service is gone', isGone(`${path}/services/web`));
    const late = await call('POST', `${path}/configmaps`, configMap('late'));
    expect([late.code, textAt(late.body, 'message')]).toEqual([
      403,
      'configmaps "late" is forbidden: unable to create new content in namespace n-going because it is being terminated',
    ]);
    expect((await call('GET', path)).code).toBe(200);
    await call('PATCH', `${path}/configmaps/held`, { metadata: { finalizers: null } }, MERGE);
    await until('it is gone', isGone(path));
  });
});

describe('speed', () => {
  it('delivers a write within milliseconds, and lists a thousand Services quickly', async () => {
    for (let i = 0; i < 1000; i++) await call('POST', SERVICES, service(`s-${i}`));
    const stream = await client.watch(`${SERVICES}?resourceVersion=${server.revision}`);
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      const begun = performance.now();
      await call('PATCH', `${SERVICES}/s-${i}`, { metadata: { labels: { i: String(i) } } }, MERGE);
      await stream.next(({ object }) => at(object, 'metadata.name') === `s-${i}`);
      times.push(performance.now() - begun);
    }
    stream.close();
    // A hang guard, not a benchmark: other tests share the machine.
    expect(times.toSorted((a, b) => a - b)[50]).toBeLessThan(50);
    const begun = performance.now();
    expect(listAt((await call('GET', SERVICES)).body, 'items')).toHaveLength(1001);
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});

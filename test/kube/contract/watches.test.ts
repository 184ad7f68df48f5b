import { describe, expect, it } from 'vitest';
import { at, textAt, type WatchEvent } from './client.ts';
import { CONFIG_MAPS, configMap, MERGE } from './objects.ts';
import { againstEachServer } from './servers.ts';

const name = (event: WatchEvent): unknown => at(event.object, 'metadata.name');
const version = (event: WatchEvent): number => Number(at(event.object, 'metadata.resourceVersion'));
const about =
  (wanted: string) =>
  (event: WatchEvent): boolean =>
    name(event) === wanted;

againstEachServer('watches', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  const watch = async (query: string) => await server().client.watch(`${CONFIG_MAPS}?${query}`);
  const current = async (): Promise<string> =>
    textAt((await call('GET', CONFIG_MAPS)).body, 'metadata.resourceVersion');

  it('tells what is made, changed and deleted, from a version on', async () => {
    const stream = await watch(`resourceVersion=${await current()}`);
    await call('POST', CONFIG_MAPS, configMap('w-life'));
    await call('PATCH', `${CONFIG_MAPS}/w-life`, { data: { a: '2' } }, MERGE);
    await call('DELETE', `${CONFIG_MAPS}/w-life`);
    const events = [
      await stream.next(about('w-life')),
      await stream.next(about('w-life')),
      await stream.next(about('w-life')),
    ];
    stream.close();
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(events.map(({ object }) => at(object, 'data.a'))).toEqual(['1', '2', '2']);
    const versions = events.map(version);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
    expect(events[0]?.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
  });

  it('begins with the present state without a version', async () => {
    await call('POST', CONFIG_MAPS, configMap('w-there'));
    for (const query of ['', 'resourceVersion=0']) {
      const stream = await watch(query);
      expect((await stream.next(about('w-there'))).type).toBe('ADDED');
      stream.close();
    }
  });

  it('goes on from an older version without a gap', async () => {
    const start = await current();
    for (const a of ['1', '2', '3']) {
      await (a === '1'
        ? call('POST', CONFIG_MAPS, configMap('w-gap', { a }))
        : call('PATCH', `${CONFIG_MAPS}/w-gap`, { data: { a } }, MERGE));
    }
    const stream = await watch(`resourceVersion=${start}`);
    const first = await stream.next(about('w-gap'));
    const resumed = await watch(`resourceVersion=${version(first)}`);
    const values = [await resumed.next(about('w-gap')), await resumed.next(about('w-gap'))].map(({ object }) =>
      at(object, 'data.a'),
    );
    stream.close();
    resumed.close();
    expect(values).toEqual(['2', '3']);
  });

  it('sees objects come and go as they begin and cease to match', async () => {
    await call('POST', CONFIG_MAPS, configMap('w-match'));
    const stream = await watch(`resourceVersion=${await current()}&labelSelector=picked`);
    await call('PATCH', `${CONFIG_MAPS}/w-match`, { metadata: { labels: { picked: '1' } } }, MERGE);
    await call('PATCH', `${CONFIG_MAPS}/w-match`, { metadata: { labels: { picked: '2' } } }, MERGE);
    const cleared = await call('PATCH', `${CONFIG_MAPS}/w-match`, { metadata: { labels: { picked: null } } }, MERGE);
    const events = [await stream.next(), await stream.next(), await stream.next()];
    stream.close();
    expect(events.map(({ type, object }) => [type, at(object, 'metadata.labels.picked')])).toEqual([
      ['ADDED', '1'],
      ['MODIFIED', '2'],
      ['DELETED', '2'],
    ]);
    expect(at(events[2]?.object, 'metadata.resourceVersion')).toBe(at(cleared.body, 'metadata.resourceVersion'));
  });

  it('watches one object by a field selector', async () => {
    const stream = await watch(`resourceVersion=${await current()}&fieldSelector=metadata.name%3Dw-one`);
    await call('POST', CONFIG_MAPS, configMap('w-two'));
    await call('POST', CONFIG_MAPS, configMap('w-one'));
    expect(name(await stream.next())).toBe('w-one');
    stream.close();
  });

  it('streams the state of a list, with a bookmark at its end, and goes on', async () => {
    await call('POST', CONFIG_MAPS, configMap('w-list'));
    const stream = await watch('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
    const seen: unknown[] = [];
    const end = await stream.next((event) => {
      if (event.type !== 'BOOKMARK') seen.push(name(event));
      return event.type === 'BOOKMARK';
    });
    expect(seen).toContain('w-list');
    expect(at(end.object, ['metadata', 'annotations', 'k8s.io/initial-events-end'])).toBe('true');
    expect(end.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    expect(version(end)).toBeGreaterThan(0);
    await call('POST', CONFIG_MAPS, configMap('w-list-later'));
    expect((await stream.next(about('w-list-later'))).type).toBe('ADDED');
    stream.close();
  });

  it('refuses to stream the state without saying which', async () => {
    const { code } = await call('GET', `${CONFIG_MAPS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true`);
    expect(code).toBe(422);
    expect((await call('GET', `${CONFIG_MAPS}?watch=1&resourceVersionMatch=NotOlderThan`)).code).toBe(422);
  });

  it('ends after timeoutSeconds', async () => {
    const stream = await watch(`resourceVersion=${await current()}&timeoutSeconds=1`);
    await stream.ended();
  });

  it('says 410 in the stream for a version that is forgotten', async () => {
    // Version 1 is older than anything a server remembers once it has compacted; before that it is a valid start.
    const stream = await watch('resourceVersion=1&timeoutSeconds=2');
    const event = await stream.next(() => true).catch(() => undefined);
    stream.close();
    if (event?.type === 'ERROR') expect(event.object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    else expect(event === undefined || event.type === 'ADDED').toBe(true);
  });

  describe('as a table', () => {
    it('sends rows, with the columns in the first event only', async () => {
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
      const stream = await server().client.watch(`${CONFIG_MAPS}?resourceVersion=${await current()}`, { accept });
      await call('POST', CONFIG_MAPS, configMap('w-table'));
      await call('PATCH', `${CONFIG_MAPS}/w-table`, { data: { a: '2' } }, MERGE);
      const first = await stream.next();
      const second = await stream.next();
      stream.close();
      expect(first.object).toMatchObject({ kind: 'Table', rows: [{ cells: ['w-table', 1, expect.any(String)] }] });
      expect(at(first.object, 'columnDefinitions.0.name')).toBe('Name');
      expect(at(second.object, 'columnDefinitions')).toSatisfy(
        (value) => value === null || (Array.isArray(value) && value.length === 0),
      );
    });
  });
});

import { describe, expect, it } from 'vitest';
import { memoryJournal, type Journal } from '../../../src/lab/apiserver/storage/journal.ts';
import { Store } from '../../../src/lab/apiserver/storage/store.ts';
import type { ApiObject } from '../../../src/lab/apiserver/object.ts';

const object = (name: string, value = 0): ApiObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name }, value });

describe('the store', () => {
  it('lists by namespace, in the order of bytes', () => {
    const store = new Store(memoryJournal());
    for (const key of ['b/a', 'a/b', 'a/B', 'a-b/x', 'a/a']) store.put('things', key, object(key));
    expect(store.list('things').map(({ object: { metadata } }) => metadata.name)).toEqual([
      'a-b/x',
      'a/B',
      'a/a',
      'a/b',
      'b/a',
    ]);
    expect(store.list('things', 'a').map(({ object: { metadata } }) => metadata.name)).toEqual(['a/B', 'a/a', 'a/b']);
    expect(store.list('nothing')).toEqual([]);
  });

  it('counts one revision for all resources', () => {
    const store = new Store(memoryJournal());
    store.put('things', 'a', object('a'));
    store.put('others', 'a', object('a'));
    expect(store.get('others', 'a')?.object.metadata.resourceVersion).toBe('2');
    expect(store.delete('things', 'a')?.object.metadata.resourceVersion).toBe('3');
    expect(store.delete('things', 'a')).toBeUndefined();
  });

  it('tells of changes as they happen, in order', () => {
    const store = new Store(memoryJournal());
    const seen: string[] = [];
    const stop = store.subscribe('things', ({ revision, deleted, previous }) =>
      seen.push(`${revision}${deleted ? ' deleted' : previous === undefined ? ' new' : ' changed'}`),
    );
    store.put('things', 'a', object('a', 1));
    store.put('others', 'a', object('a', 1));
    store.put('things', 'a', object('a', 2));
    store.delete('things', 'a');
    stop();
    store.put('things', 'a', object('a', 3));
    expect(seen).toEqual(['1 new', '3 changed', '4 deleted']);
  });

  it('changes nothing when the journal cannot keep it', () => {
    const full: Journal = {
      ...memoryJournal(),
      append: () => {
        throw new Error('no space left on device');
      },
    };
    const store = new Store(full);
    let told = false;
    store.subscribe('things', () => (told = true));
    expect(() => store.put('things', 'a', object('a'))).toThrow('no space left');
    expect([store.get('things', 'a'), store.revision, told]).toEqual([undefined, 0, false]);
  });
});

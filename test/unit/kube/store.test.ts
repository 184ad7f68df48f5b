import { describe, expect, it } from 'vitest';
import { Store } from '../../../src/kube/watcher/store.ts';
import type { KubeObject } from '../../../src/model/kubernetes.ts';

const object = (name: string, resourceVersion: string, uid = name): KubeObject => ({
  metadata: { name, namespace: 'default', resourceVersion, uid },
});

describe('the store of a watch', () => {
  it('tells the difference between what it holds and a list, deletions first', () => {
    const store = new Store<KubeObject>();
    store.set(object('a', '1'));
    store.set(object('b', '2'));
    store.set(object('c', '3'));
    const changes = [...store.replace([object('b', '2'), object('c', '4'), object('d', '5')])];
    expect(
      changes.map(({ key, object: now, previous }) => [
        key,
        previous?.metadata.resourceVersion,
        now?.metadata.resourceVersion,
      ]),
    ).toEqual([
      ['default/a', '1', undefined],
      ['default/c', '3', '4'],
      ['default/d', undefined, '5'],
    ]);
    expect(store.list().map((one) => one.metadata.name)).toEqual(['b', 'c', 'd']);
  });

  it('sees an object that was deleted and made anew as a change', () => {
    const store = new Store<KubeObject>();
    store.set(object('a', '1', 'first'));
    expect([...store.replace([object('a', '9', 'second')])]).toHaveLength(1);
  });

  it('keys objects without a namespace by their name', () => {
    const store = new Store<KubeObject>();
    expect(store.set({ metadata: { name: 'n1' } })?.key).toBe('n1');
    expect(store.get('n1')).toBeDefined();
  });
});

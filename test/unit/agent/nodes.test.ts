import { expect, it } from 'vitest';
import { existing } from '../../../src/agent/nodes.ts';
import { Store } from '../../../src/kube/watcher/store.ts';
import type { Node } from '../../../src/model/kubernetes.ts';

it('a node that was deleted is lost no more, and nobody is forgotten while Nodes are not known', () => {
  const store = new Store<Node>();
  store.set({ metadata: { name: 'n1', resourceVersion: '1' } });
  expect(existing(['n1', 'n2'], { isSynced: true, store })).toEqual(['n1']);
  expect(existing(['n1', 'n2'], { isSynced: false, store })).toEqual(['n1', 'n2']);
  expect(existing(['n1', 'n2'], undefined)).toEqual(['n1', 'n2']);
});

import { expect, it } from 'vitest';
import { at } from './client.ts';
import { againstEachServer } from './servers.ts';
import { definitionsOf, rootSchemas } from '../../../src/lab/apiserver/openapi/definitions.ts';
import { createRegistry } from '../../../src/lab/apiserver/registry/all.ts';

/** What patches and apply depend on, and what a field holds. */
const RELEVANT = [
  'type',
  'format',
  '$ref',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-patch-strategy',
  'x-kubernetes-patch-merge-key',
  'x-kubernetes-map-type',
];

againstEachServer('schemas', (server) => {
  it('of the embedded server are the ones this server describes', async () => {
    const { body } = await server().client.call('GET', '/openapi/v2');
    const differences: string[] = [];
    for (const [name, ours] of Object.entries(definitionsOf(rootSchemas(createRegistry()), '#/definitions/'))) {
      const theirs = at(body, ['definitions', name]);
      if (theirs === undefined) differences.push(`${name}: not there`);
      for (const [field, property] of Object.entries((ours['properties'] ?? {}) as Record<string, unknown>)) {
        differences.push(...compare(`${name}.${field}`, property, at(theirs, ['properties', field])));
      }
    }
    expect(differences).toEqual([]);
  });
});

/** Fields without a type are kept as they are: nothing to compare. */
function compare(where: string, ours: unknown, theirs: unknown): string[] {
  if (theirs === undefined) return [`${where}: not there`];
  if (at(ours, 'type') === undefined && at(ours, '$ref') === undefined) return [];
  return RELEVANT.filter((key) => JSON.stringify(at(ours, key)) !== JSON.stringify(at(theirs, key))).map(
    (key) => `${where}: ${key} is ${JSON.stringify(at(ours, key))}, there ${JSON.stringify(at(theirs, key))}`,
  );
}

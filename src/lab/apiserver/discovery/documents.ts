/** Discovery: which groups, versions and resources there are, in the old form and in the aggregated one. */
import type { JsonObject } from '../json.ts';
import { apiVersionOf } from '../object.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';

/** A resource that has no table: it is answered, not stored. */
interface Virtual {
  readonly group: string;
  readonly version: string;
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const VIRTUAL: readonly Virtual[] = [
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    name: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    namespaced: false,
  },
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    name: 'selfsubjectrulesreviews',
    kind: 'SelfSubjectRulesReview',
    namespaced: false,
  },
];

/** /api */
export function apiVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

function groupVersions(registry: Registry): { group: string; version: string }[] {
  const stored = registry.groupVersions().map(({ group, version }) => ({ group, version }));
  const virtual = VIRTUAL.filter((item) => !stored.some(({ group }) => group === item.group));
  const extra = virtual.slice(0, 1).map(({ group, version }) => ({ group, version }));
  return [...stored, ...extra];
}

function groupDocument(group: string, version: string): JsonObject {
  const entry = { groupVersion: apiVersionOf(group, version), version };
  return { name: group, versions: [entry], preferredVersion: entry };
}

/** /apis */
export function apiGroupList(registry: Registry): JsonObject {
  const groups = groupVersions(registry).filter(({ group }) => group !== '');
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map(({ group, version }) => groupDocument(group, version)),
  };
}

/** /apis/GROUP, undefined if there is none. */
export function apiGroup(registry: Registry, name: string): JsonObject | undefined {
  const found = groupVersions(registry).find(({ group }) => group === name && name !== '');
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(found.group, found.version) };
}

/** /api/v1 and /apis/GROUP/VERSION, undefined if there is none. */
export function apiResourceList(registry: Registry, group: string, version: string): JsonObject | undefined {
  if (!groupVersions(registry).some((item) => item.group === group && item.version === version)) return undefined;
  const stored = registry.resources.filter((item) => item.group === group && item.version === version);
  const virtual = VIRTUAL.filter((item) => item.group === group && item.version === version);
  const resources = [
    ...stored.flatMap(resourceEntries),
    ...virtual.map(({ name, kind, namespaced }) => ({
      name,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      verbs: ['create'],
    })),
  ];
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(group, version), resources };
}

function resourceEntries(resource: Resource): JsonObject[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories, subresources } = resource;
  const main: JsonObject = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: [...verbs],
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
  };
  const below = subresources.map((name) => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced,
    ...subresourceType(resource, name),
    verbs: ['get', 'patch', 'update'],
  }));
  return [main, ...below];
}

function subresourceType(resource: Resource, name: string): JsonObject {
  return name === 'scale' ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : { kind: resource.kind };
}

/** /api and /apis when the client prefers everything at once. */
export function aggregatedDiscovery(registry: Registry, core: boolean, version: string): JsonObject {
  const groups = groupVersions(registry).filter(({ group }) => (group === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((item) => ({
      metadata: item.group === '' ? {} : { name: item.group },
      versions: [{ version: item.version, freshness: 'Current', resources: aggregatedResources(registry, item) }],
    })),
  };
}

function aggregatedResources(registry: Registry, at: { group: string; version: string }): JsonObject[] {
  const here = (item: { group: string; version: string }): boolean =>
    item.group === at.group && item.version === at.version;
  const virtual = VIRTUAL.filter(here).map(({ name, kind, namespaced }) => ({
    resource: name,
    responseKind: { group: at.group, version: at.version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.toLowerCase(),
    verbs: ['create'],
  }));
  return [...registry.resources.filter(here).map(aggregatedResource), ...virtual];
}

function aggregatedResource(resource: Resource): JsonObject {
  const { group, version, kind, plural, singular, namespaced, verbs, shortNames, categories } = resource;
  const own = { group, version, kind };
  return {
    resource: plural,
    responseKind: own,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...verbs],
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    subresources: resource.subresources.map((name) => ({
      subresource: name,
      responseKind: name === 'scale' ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : own,
      verbs: ['get', 'patch', 'update'],
    })),
  };
}

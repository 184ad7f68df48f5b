/** Role-based access control: may this user do this? By the roles and bindings in the store, nothing else. */
import { objectAt, objectsAt, stringAt, stringsAt, type JsonObject } from '../json.ts';
import type { ApiObject } from '../object.ts';
import { RBAC_GROUP } from '../registry/rbac/resources.ts';
import type { Store } from '../storage/store.ts';
import type { User } from './user.ts';

/** What somebody wants to do: with a resource, or with a path that is none. */
export type Attributes =
  | {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
      readonly path?: undefined;
    }
  | { readonly verb: string; readonly path: string };

export function isAllowed(store: Store, user: User, attributes: Attributes): boolean {
  if (user.groups.includes('system:masters')) return true;
  return [...rulesFor(store, user, attributes.path === undefined ? attributes.namespace : '')].some((rule) =>
    ruleAllows(rule, attributes),
  );
}

/** All rules that hold for a user in a namespace; empty: those that hold everywhere. */
export function* rulesFor(store: Store, user: User, namespace: string): Iterable<JsonObject> {
  for (const { object } of store.list(`clusterrolebindings.${RBAC_GROUP}`)) {
    if (bindsUser(object, user, '')) yield* boundRules(store, object, '');
  }
  if (namespace === '') return;
  for (const { object } of store.list(`rolebindings.${RBAC_GROUP}`, namespace)) {
    if (bindsUser(object, user, namespace)) yield* boundRules(store, object, namespace);
  }
}

function bindsUser(binding: ApiObject, user: User, namespace: string): boolean {
  return objectsAt(binding, 'subjects').some((subject) => {
    const name = stringAt(subject, 'name');
    switch (stringAt(subject, 'kind')) {
      case 'User':
        return name === user.name;
      case 'Group':
        return user.groups.includes(name);
      case 'ServiceAccount':
        return user.name === `system:serviceaccount:${stringAt(subject, 'namespace') || namespace}:${name}`;
      default:
        return false;
    }
  });
}

function boundRules(store: Store, binding: ApiObject, namespace: string): JsonObject[] {
  const reference = objectAt(binding, 'roleRef');
  const name = stringAt(reference, 'name');
  const role =
    stringAt(reference, 'kind') === 'ClusterRole'
      ? store.get(`clusterroles.${RBAC_GROUP}`, name)
      : store.get(`roles.${RBAC_GROUP}`, `${namespace}/${name}`);
  return objectsAt(role?.object, 'rules');
}

function ruleAllows(rule: JsonObject, attributes: Attributes): boolean {
  const verbs = stringsAt(rule, 'verbs');
  if (!verbs.includes('*') && !verbs.includes(attributes.verb)) return false;
  if (attributes.path !== undefined) {
    const { path } = attributes;
    return stringsAt(rule, 'nonResourceURLs').some(
      (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
    );
  }
  const groups = stringsAt(rule, 'apiGroups');
  if (!groups.includes('*') && !groups.includes(attributes.group)) return false;
  if (!resourceMatches(stringsAt(rule, 'resources'), attributes.resource, attributes.subresource)) return false;
  const names = stringsAt(rule, 'resourceNames');
  return names.length === 0 || names.includes(attributes.name);
}

function resourceMatches(resources: readonly string[], resource: string, subresource: string): boolean {
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some((item) => item === '*' || item === full || (subresource !== '' && item === `*/${subresource}`));
}

/** Why not, in the words of the real server. */
export function refusal(user: User, attributes: Attributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  if (attributes.path !== undefined) return `${who} path ${JSON.stringify(attributes.path)}`;
  const { resource, subresource, group, namespace } = attributes;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
}

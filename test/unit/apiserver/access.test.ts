import { describe, expect, it } from 'vitest';
import { isAllowed, type Attributes } from '../../../src/lab/apiserver/auth/rbac.ts';
import { tokenIssuer } from '../../../src/lab/apiserver/auth/tokens.ts';
import { ADMIN, serviceAccountUser, type User } from '../../../src/lab/apiserver/auth/user.ts';
import type { JsonObject } from '../../../src/lab/apiserver/json.ts';
import { memoryJournal } from '../../../src/lab/apiserver/storage/journal.ts';
import { Store } from '../../../src/lab/apiserver/storage/store.ts';

const GROUP = 'rbac.authorization.k8s.io';
const object = (kind: string, name: string, fields: JsonObject) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...fields,
});

function storeWith(rules: JsonObject[], subjects: JsonObject[], namespace = ''): Store {
  const store = new Store(memoryJournal());
  store.put(`clusterroles.${GROUP}`, 'r', object('ClusterRole', 'r', { rules }));
  const table = namespace === '' ? 'clusterrolebindings' : 'rolebindings';
  const key = namespace === '' ? 'b' : `${namespace}/b`;
  store.put(
    `${table}.${GROUP}`,
    key,
    object('Binding', 'b', { subjects, roleRef: { kind: 'ClusterRole', name: 'r' } }),
  );
  return store;
}

const user = (name: string, groups: string[] = []): User => ({ name, uid: '', groups });
const wish = (fields: Partial<Record<string, string>> = {}): Attributes => ({
  verb: 'get',
  group: '',
  resource: 'services',
  subresource: '',
  namespace: 'default',
  name: 'web',
  ...fields,
});

describe('permissions', () => {
  const rules = [{ apiGroups: [''], resources: ['services', 'pods/*'.replace('*', 'log')], verbs: ['get'] }];

  it('are for the users, groups and accounts that are bound', () => {
    const subjects = [
      { kind: 'User', name: 'u' },
      { kind: 'Group', name: 'g' },
      { kind: 'ServiceAccount', name: 'a', namespace: 'n' },
    ];
    const store = storeWith(rules, subjects);
    expect(isAllowed(store, user('u'), wish())).toBe(true);
    expect(isAllowed(store, user('x', ['g']), wish())).toBe(true);
    expect(isAllowed(store, serviceAccountUser('n', 'a', ''), wish())).toBe(true);
    expect(isAllowed(store, serviceAccountUser('other', 'a', ''), wish())).toBe(false);
    expect(isAllowed(store, user('g'), wish())).toBe(false);
    expect(isAllowed(store, ADMIN, wish({ verb: 'anything' }))).toBe(true);
  });

  it.each<[string, JsonObject, Partial<Record<string, string>>, boolean]>([
    ['another verb', {}, { verb: 'list' }, false],
    ['every verb', { verbs: ['*'] }, { verb: 'list' }, true],
    ['another group', {}, { group: 'apps' }, false],
    ['every group', { apiGroups: ['*'] }, { group: 'apps' }, true],
    ['a sub-resource', {}, { subresource: 'status' }, false],
    ['that sub-resource', { resources: ['services/status'] }, { subresource: 'status' }, true],
    ['only the sub-resource', { resources: ['services/status'] }, {}, false],
    ['a sub-resource of everything', { resources: ['*/status'] }, { subresource: 'status' }, true],
    ['that name', { resourceNames: ['web'] }, {}, true],
    ['another name', { resourceNames: ['other'] }, {}, false],
    ['no name where one is needed', { resourceNames: ['web'] }, { verb: 'get', name: '' }, false],
  ])('%s', (_what, rule, wanted, allowed) => {
    const store = storeWith(
      [{ apiGroups: [''], resources: ['services'], verbs: ['get'], ...rule }],
      [{ kind: 'User', name: 'u' }],
    );
    expect(isAllowed(store, user('u'), wish(wanted))).toBe(allowed);
  });

  it('hold in the namespace of the binding', () => {
    const store = storeWith(rules, [{ kind: 'User', name: 'u' }], 'n');
    expect(isAllowed(store, user('u'), wish({ namespace: 'n' }))).toBe(true);
    expect(isAllowed(store, user('u'), wish({ namespace: 'm' }))).toBe(false);
    expect(isAllowed(store, user('u'), wish({ namespace: '' }))).toBe(false);
  });

  it('for paths are by path', () => {
    const store = storeWith(
      [{ nonResourceURLs: ['/version', '/apis/*'], verbs: ['get'] }],
      [{ kind: 'User', name: 'u' }],
    );
    const may = (path: string): boolean => isAllowed(store, user('u'), { verb: 'get', path });
    expect([may('/version'), may('/apis/apps'), may('/apis'), may('/metrics')]).toEqual([true, true, false, false]);
  });
});

describe('tokens', () => {
  const store = new Store(memoryJournal());
  store.put('serviceaccounts', 'n/a', object('ServiceAccount', 'a', {}));
  const uid = 'u-1';
  const account = store.get('serviceaccounts', 'n/a');
  if (account !== undefined) account.object.metadata.uid = uid;
  let now = new Date('2026-01-01T00:00:00Z');
  const issuer = tokenIssuer(new Uint8Array(32).fill(7), store, () => now);

  it('stand for who they were made for', () => {
    expect(issuer.verify(issuer.issue(ADMIN))).toEqual(ADMIN);
    const agent = serviceAccountUser('n', 'a', uid);
    expect(issuer.verify(issuer.issue(agent))).toEqual(agent);
  });

  it('are nobody’s when forged, of another server, ended, or of an account that is gone', () => {
    const token = issuer.issue(user('u'));
    const [head = '', , signature = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ sub: 'admin', groups: ['system:masters'] })).toString('base64url');
    expect(issuer.verify(`${head}.${forged}.${signature}`)).toBeUndefined();
    expect(issuer.verify(tokenIssuer(new Uint8Array(32), store, () => now).issue(ADMIN))).toBeUndefined();
    for (const text of ['', '.', '..', 'a.b.c', `${token}.x`, token.slice(0, -2)])
      expect(issuer.verify(text), text).toBeUndefined();
    const short = issuer.issue(user('u'), new Date(now.getTime() + 1000));
    expect(issuer.verify(short)?.name).toBe('u');
    now = new Date(now.getTime() + 2000);
    expect(issuer.verify(short)).toBeUndefined();
    expect(issuer.verify(issuer.issue(serviceAccountUser('n', 'a', 'older')))).toBeUndefined();
    expect(issuer.verify(issuer.issue(serviceAccountUser('n', 'gone', uid)))).toBeUndefined();
  });
});

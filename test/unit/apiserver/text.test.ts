import { describe, expect, it } from 'vitest';
import { parseListenSpec } from '../../../src/lab/apiserver/listen.ts';
import { humanDuration } from '../../../src/lab/apiserver/printers/time.ts';
import { compileFieldSelector, parseFieldRequirements } from '../../../src/lab/apiserver/selectors/fields.ts';
import {
  compileLabelSelector,
  formatLabelSelector,
  parseLabelSelector,
} from '../../../src/lab/apiserver/selectors/labels.ts';
import {
  nameIsLabel,
  nameIsRfc1035Label,
  nameIsSubdomain,
  portNameErrors,
  qualifiedNameErrors,
} from '../../../src/lab/apiserver/validation/names.ts';
import { negotiate } from '../../../src/lab/apiserver/http/accept.ts';
import { requestInfo } from '../../../src/lab/apiserver/http/request-info.ts';

describe('addresses to listen on', () => {
  it.each([
    ['127.0.0.1:6443', { host: '127.0.0.1', port: 6443 }],
    ['localhost:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['netns:lab-n1:10.77.0.11:6443', { host: '10.77.0.11', port: 6443, netns: 'lab-n1' }],
    ['netns:lab-n1:[2001:db8::1]:6443', { host: '2001:db8::1', port: 6443, netns: 'lab-n1' }],
  ])('%s', (text, expected) => expect(parseListenSpec(text)).toEqual(expected));

  it.each(['', '6443', '127.0.0.1', 'host:80', '127.0.0.1:99999', '::1:80', 'netns::127.0.0.1:1', '127.0.0.1:-1'])(
    'not %j',
    (text) => expect(() => parseListenSpec(text)).toThrow('is no address to listen on'),
  );
});

describe('ages', () => {
  const s = 1000;
  const h = 3600 * s;
  it.each([
    [0, '0s'],
    [119 * s, '119s'],
    [125 * s, '2m5s'],
    [600 * s, '10m'],
    [3 * h, '3h'],
    [3 * h + 60 * s, '3h1m'],
    [47 * h, '47h'],
    [50 * h, '2d2h'],
    [400 * 24 * h, '400d'],
    [800 * 24 * h, '2y70d'],
    [-5 * s, '<invalid>'],
  ])('%d ms is %s', (milliseconds, text) => expect(humanDuration(milliseconds)).toBe(text));
});

describe('label selectors', () => {
  it.each([
    ['', {}, true],
    ['a', { a: '' }, true],
    ['!a', { a: '' }, false],
    ['a=1', { a: '1' }, true],
    ['a = 1 , b != 2', { a: '1' }, true],
    ['a in (1, 2),b', { a: '2', b: 'x' }, true],
    ['a in (1,2)', {}, false],
    ['a notin (1)', {}, true],
    ['a in ()', { a: '' }, true],
    ['a>5', { a: '6' }, true],
    ['a<5', { a: '6' }, false],
    ['toString', {}, false],
    ['kubernetes.io/service-name=web', { 'kubernetes.io/service-name': 'web' }, true],
  ])('%j on %j: %s', (text, labels, expected) => expect(parseLabelSelector(text)(labels)).toBe(expected));

  it.each(['(', 'a in 1', 'a=b=c', 'a b', '=x', 'a,,b'])('not %j', (text) =>
    expect(() => parseLabelSelector(text)).toThrow(),
  );

  it('of objects, and as text', () => {
    const selector = {
      matchLabels: { b: '1', a: '2' },
      matchExpressions: [
        { key: 'c', operator: 'NotIn', values: ['x', 'y'] },
        { key: 'd', operator: 'Exists' },
      ],
    };
    expect(formatLabelSelector(selector)).toBe('a=2,b=1,c notin (x,y),d');
    expect(compileLabelSelector(selector)({ a: '2', b: '1', d: '' })).toBe(true);
    expect(compileLabelSelector(selector)({ a: '2', b: '1', c: 'x', d: '' })).toBe(false);
    expect(compileLabelSelector({ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] })({ a: '1' })).toBe(
      false,
    );
  });
});

describe('field selectors', () => {
  const holds = (text: string, fields: Record<string, string>): boolean =>
    compileFieldSelector(parseFieldRequirements(text), ['a', 'b.c'])(fields);
  it('compare', () => {
    expect(holds('', {})).toBe(true);
    expect(holds('a=1,b.c!=2', { a: '1', 'b.c': '3' })).toBe(true);
    expect(holds('a==', { a: '' })).toBe(true);
    expect(holds(String.raw`a=x\,y\=z`, { a: 'x,y=z' })).toBe(true);
    expect(() => holds('z=1', {})).toThrow('field label not supported: z');
    expect(() => holds('a', {})).toThrow('invalid selector');
  });
});

describe('names', () => {
  it.each([
    [nameIsSubdomain, 'a.b-c.1', true],
    [nameIsSubdomain, 'A', false],
    [nameIsSubdomain, 'a..b', false],
    [nameIsLabel, '1a', true],
    [nameIsLabel, 'a.b', false],
    [nameIsLabel, 'a'.repeat(64), false],
    [nameIsRfc1035Label, '1a', false],
    [nameIsRfc1035Label, 'a1', true],
  ])('%o takes %s: %s', (rule, name, valid) => expect(rule(name, false).length === 0).toBe(valid));

  it('lets a prefix end in a dash', () => {
    expect(nameIsSubdomain('web-', true)).toEqual([]);
    expect(nameIsSubdomain('web-', false)).toHaveLength(1);
  });

  it('of ports and keys', () => {
    for (const good of ['http', 'a1', 'x-y']) expect(portNameErrors(good)).toEqual([]);
    for (const bad of ['', '80', 'a--b', '-a', 'a-', 'a_b', 'a'.repeat(16)])
      expect(portNameErrors(bad).length, bad).toBeGreaterThan(0);
    for (const good of ['a', 'A.b_c-1', 'a.b/c']) expect(qualifiedNameErrors(good)).toEqual([]);
    for (const bad of ['', '/a', 'a/', 'a b', 'A_b/c', 'a/b/c'])
      expect(qualifiedNameErrors(bad).length, bad).toBeGreaterThan(0);
  });
});

describe('what clients accept', () => {
  it('is taken in their order', () => {
    expect(negotiate(undefined, ['object']).as).toBe('object');
    expect(negotiate('application/json;as=Table;v=v1;g=meta.k8s.io,application/json', ['object', 'Table']).as).toBe(
      'Table',
    );
    expect(negotiate('application/json;as=Table;v=v9;g=meta.k8s.io,application/json', ['object', 'Table']).as).toBe(
      'object',
    );
    expect(negotiate('application/vnd.kubernetes.protobuf,application/json', ['object']).as).toBe('object');
    expect(() => negotiate('text/html', ['object'])).toThrow();
  });
});

describe('requests', () => {
  const info = (method: string, path: string) => requestInfo(method, new URL(path, 'https://x'));
  it.each([
    ['GET', '/api/v1/namespaces/n/services/s', { verb: 'get', resource: 'services', namespace: 'n', name: 's' }],
    ['GET', '/api/v1/services?watch=true', { verb: 'watch', resource: 'services', namespace: '', name: '' }],
    ['GET', '/api/v1/namespaces/n', { verb: 'get', resource: 'namespaces', namespace: 'n', name: 'n' }],
    [
      'PATCH',
      '/api/v1/namespaces/n/status',
      { verb: 'patch', resource: 'namespaces', subresource: 'status', name: 'n' },
    ],
    [
      'PUT',
      '/apis/apps/v1/namespaces/n/deployments/d/scale',
      { verb: 'update', group: 'apps', subresource: 'scale', name: 'd' },
    ],
    ['DELETE', '/apis/apps/v1/namespaces/n/deployments', { verb: 'deletecollection', resource: 'deployments' }],
    ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode', { name: 'system:node' }],
  ])('%s %s', (method, path, expected) => expect(info(method, path)).toMatchObject({ kind: 'resource', ...expected }));

  it('that ask for one object of a collection are about that one, for who may see it', () => {
    const named = (path: string) => info('GET', `/api/v1/namespaces/n/secrets?${path}`);
    expect(named('fieldSelector=metadata.name%3Dkey')).toMatchObject({ verb: 'list', name: '', selected: 'key' });
    expect(named('fieldSelector=metadata.namespace%3Dn,metadata.name%3D%3Dkey&watch=1')).toMatchObject({
      verb: 'watch',
      selected: 'key',
    });
    expect(named('fieldSelector=metadata.name!%3Dkey')).not.toHaveProperty('selected');
  });

  it.each(['/', '/version', '/api', '/api/v1', '/apis/apps/v1', '/api/v1/namespaces/n/pods/p/log/x', '/api/v1/%zz'])(
    '%s is no resource',
    (path) => expect(info('GET', path).kind).toBe('path'),
  );
});

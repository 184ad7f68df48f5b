import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCredentials } from '../../../src/kube/credentials.ts';

const config = (name: string, server = 'https://10.0.0.1:6443', user: object = { token: `token-${name}` }) =>
  JSON.stringify({
    'current-context': name,
    clusters: [{ name: `cluster-${name}`, cluster: { server } }],
    users: [{ name: `user-${name}`, user }],
    contexts: [{ name, context: { cluster: `cluster-${name}`, user: `user-${name}`, namespace: `ns-${name}` } }],
  });

let directory = '';
const write = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kubevip-kubeconfig-'));
});
afterAll(() => rmSync(directory, { recursive: true }));
const env = (extra: Record<string, string> = {}) => ({ HOME: join(directory, 'nobody'), ...extra });

describe('kubeconfig', () => {
  it('prefers the file given, then KUBECONFIG, then ~/.kube/config', () => {
    const [one, two] = [write('one', config('one')), write('two', config('two'))];
    mkdirSync(join(directory, 'home', '.kube'), { recursive: true });
    write('home/.kube/config', config('home'));
    const home = { HOME: join(directory, 'home') };
    expect(loadCredentials({ kubeconfig: one, env: { ...home, KUBECONFIG: two } }).context).toBe('one');
    expect(loadCredentials({ env: { ...home, KUBECONFIG: two } }).context).toBe('two');
    expect(loadCredentials({ env: home })).toMatchObject({ context: 'home', namespace: 'ns-home' });
  });

  it('merges the files of KUBECONFIG as kubectl does: the first wins, missing ones are passed over', async () => {
    const [one, two] = [write('a', config('same')), write('b', config('same', 'https://other:6443'))];
    const other = write('c', config('other', 'https://third:6443'));
    const list = { KUBECONFIG: [join(directory, 'missing'), one, two, other].join(':') };
    expect(loadCredentials({ env: env(list) }).server.host).toBe('10.0.0.1:6443');
    const chosen = loadCredentials({ env: env(list), context: 'other' });
    expect(chosen.server.host).toBe('third:6443');
    expect((await chosen.authorize()).headers['Authorization']).toBe('Bearer token-other');
  });

  it('reads basic authentication and client certificates', async () => {
    const basic = write('basic', config('basic', 'https://x:1', { username: 'u', password: 'p' }));
    const { headers } = await loadCredentials({ kubeconfig: basic, env: env() }).authorize();
    expect(headers['Authorization']).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
    const data = Buffer.from('pem').toString('base64');
    const user = { 'client-certificate-data': data, 'client-key-data': data };
    const cert = write('cert', config('cert', 'https://x:1', user));
    expect((await loadCredentials({ kubeconfig: cert, env: env() }).authorize()).tls).toMatchObject({
      cert: Buffer.from('pem'),
    });
  });

  it('reads files beside it, again for every request', async () => {
    write('token', 'first\n');
    write('ca.pem', 'authority');
    const relative = {
      'current-context': 'x',
      clusters: [{ name: 'c', cluster: { server: 'https://x:1', 'certificate-authority': 'ca.pem' } }],
      users: [{ name: 'u', user: { tokenFile: 'token', as: 'alice', 'as-groups': ['a', 'b'] } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    };
    const credentials = loadCredentials({ kubeconfig: write('relative', JSON.stringify(relative)), env: env() });
    expect(await credentials.authorize()).toEqual({
      headers: { Authorization: 'Bearer first', 'Impersonate-User': 'alice', 'Impersonate-Group': ['a', 'b'] },
      tls: { ca: Buffer.from('authority') },
    });
    write('token', 'second');
    expect((await credentials.authorize()).headers['Authorization']).toBe('Bearer second');
    rmSync(join(directory, 'token'));
    await expect(credentials.authorize()).rejects.toMatchObject({ code: 'BAD_KUBECONFIG' });
  });

  it('runs the program that a user entry names, by client-node', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-program' },
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
      interactiveMode: 'Never',
    };
    const kubeconfig = write('exec', config('exec', 'https://x:1', { exec }));
    const { headers } = await loadCredentials({ kubeconfig, env: env() }).authorize();
    expect(headers['Authorization']).toBe('Bearer from-program');
    const broken = write(
      'broken',
      config('broken', 'https://x:1', { exec: { ...exec, args: ['-e', 'process.exit(3)'] } }),
    );
    await expect(loadCredentials({ kubeconfig: broken, env: env() }).authorize()).rejects.toMatchObject({
      code: 'BAD_KUBECONFIG',
    });
  });

  it.each([
    ['no current context', JSON.stringify({ clusters: [], users: [], contexts: [] }), /no current context/],
    ['not YAML', 'a: [', /cannot be used/],
    ['empty', '', /cannot be used/],
    ['a list', '[]', /cannot be used/],
    ['a server that is no URL', config('x', 'not a url'), /not a URL/],
    [
      'a context without its cluster',
      JSON.stringify({ 'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'gone', user: 'u' } }] }),
      /"gone", which is not in it|cannot be used/,
    ],
  ])('refuses a file with %s', (name, text, message) => {
    const kubeconfig = write(`bad-${name.replaceAll(' ', '-')}`, text);
    expect(() => loadCredentials({ kubeconfig, env: env() })).toThrow(
      expect.objectContaining({ code: 'BAD_KUBECONFIG', message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('says which contexts there are', () => {
    const kubeconfig = write('contexts', config('one'));
    expect(() => loadCredentials({ kubeconfig, env: env(), context: 'two' })).toThrow(
      expect.objectContaining({ code: 'BAD_KUBECONFIG', hints: ['Contexts in it: one'] }) as Error,
    );
  });

  it('says when there is none at all', () => {
    const none = expect.objectContaining({ code: 'NO_KUBECONFIG', exit: 4 }) as Error;
    expect(() => loadCredentials({ env: env() })).toThrow(none);
    expect(() => loadCredentials({ env: env(), kubeconfig: join(directory, 'missing') })).toThrow(none);
    expect(() => loadCredentials({ env: env({ KUBECONFIG: join(directory, 'missing') }) })).toThrow(none);
  });
});

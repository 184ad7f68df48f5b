import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { leadsTo, loopback, mergeKubeconfig, pointAt, unmergeKubeconfig } from '../../../src/cluster/kubeconfig.ts';
import { kubeconfigOwner } from '../../../src/workflows/bootstrap/user.ts';

const kubeconfig = (server: string, name = 'kubernetes') => `apiVersion: v1
kind: Config
current-context: ${name}-admin@${name}
clusters:
- name: ${name}
  cluster: { server: "${server}", certificate-authority-data: Q0E= }
users:
- name: ${name}-admin
  user: { client-key-data: S0VZ }
contexts:
- name: ${name}-admin@${name}
  context: { cluster: ${name}, user: ${name}-admin }
`;
const OURS = kubeconfig('https://10.0.0.100:6443');

describe('the kubeconfig of a person', () => {
  it('is made where there is none', () => {
    const { text, context } = mergeKubeconfig(undefined, OURS, 'home');
    expect(context).toBe('home');
    expect(parse(text)).toMatchObject({
      'current-context': 'home',
      clusters: [{ name: 'home', cluster: { server: 'https://10.0.0.100:6443' } }],
      users: [{ name: 'home-admin', user: { 'client-key-data': 'S0VZ' } }],
      contexts: [{ name: 'home', context: { cluster: 'home', user: 'home-admin' } }],
    });
    expect(unmergeKubeconfig(text, 'home')).toBeUndefined();
  });

  it('keeps what was in it, comments too, and gets it all back', () => {
    const work = `# of the office\n${kubeconfig('https://work:6443', 'work')}`;
    const { text } = mergeKubeconfig(work, OURS, 'home');
    expect(text).toContain('# of the office');
    expect(leadsTo(text, 'home', OURS)).toBe(true);
    expect(leadsTo(text, 'work', OURS)).toBe(false);
    const rest = unmergeKubeconfig(text, 'home') ?? '';
    expect(parse(rest)).toEqual({ ...(parse(work) as object), 'current-context': '' });
    expect(rest).toContain('# of the office');
  });

  it('is the same after a second time', () => {
    const once = mergeKubeconfig(undefined, OURS, 'home').text;
    expect(parse(mergeKubeconfig(once, OURS, 'home').text)).toEqual(parse(once));
  });

  it('loses no other cluster of the same name', () => {
    const other = mergeKubeconfig(undefined, kubeconfig('https://10.9.9.9:6443'), 'home').text;
    const { text, context } = mergeKubeconfig(other, OURS, 'home');
    expect(context).toBe('home-2');
    expect(parse(unmergeKubeconfig(text, 'home-2') ?? '')).toMatchObject({ clusters: [{ name: 'home' }] });
  });

  it('takes no name from a context or a user that leads elsewhere', () => {
    const theirs = (context: string, user: string): string => `clusters:
- { name: office, cluster: { server: "https://work:6443" } }
users:
- { name: ${user}, user: { token: theirs } }
contexts:
- { name: ${context}, context: { cluster: office, user: ${user} } }
`;
    for (const existing of [theirs('home', 'me'), theirs('office', 'home-admin')]) {
      const { text, context } = mergeKubeconfig(existing, OURS, 'home');
      expect(context).toBe('home-2');
      expect(mergeKubeconfig(text, OURS, 'home').context).toBe('home-2');
      expect(parse(unmergeKubeconfig(text, 'home-2') ?? '')).toMatchObject(parse(existing) as object);
    }
  });

  it.each(['[1, 2', '- a list', 'a: b: c'])('is left alone when it is none: %s', (text) => {
    expect(() => mergeKubeconfig(text, OURS, 'home')).toThrow(/your kubeconfig is not one/);
  });

  it('is that of whoever typed sudo', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/bash\n';
    const env = { HOME: '/root', SUDO_UID: '1000', SUDO_GID: '1000' };
    expect(kubeconfigOwner(undefined, { env, passwd })).toEqual({
      path: '/home/ada/.kube/config',
      owner: { uid: 1000, gid: 1000 },
    });
    expect(kubeconfigOwner('~/k8s', { env, passwd })?.path).toBe('/home/ada/k8s');
    expect(kubeconfigOwner(undefined, { env: { HOME: '/root' }, passwd })).toEqual({ path: '/root/.kube/config' });
    expect(kubeconfigOwner('', { env, passwd })).toBeUndefined();
  });
});

describe('the way to the API server of this machine', () => {
  it('is loopback with the name that is in the certificate', () => {
    expect(parse(pointAt(OURS, loopback(6443, 6)))).toMatchObject({
      clusters: [{ cluster: { server: 'https://[::1]:6443', 'tls-server-name': 'kubernetes' } }],
      users: [{ user: { 'client-key-data': 'S0VZ' } }],
    });
  });
});

/** `kubevip manifest` and `kubevip kubeadm`, as the scripts call them that used kube-vip's. */
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { runCli } from '../../support/cli.ts';

const CP = ['--address', '10.0.0.9', '--controlplane', '--arp', '--leaderElection'];

interface Object {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

describe('a manifest', () => {
  it('is the same from `manifest pod`, `kubeadm init` and `kubeadm join`, alone on stdout', async () => {
    const [pod, init, join] = await Promise.all(
      [
        ['manifest', 'pod'],
        ['kubeadm', 'init'],
        ['kubeadm', 'join'],
      ].map((words) => runCli([...words, ...CP])),
    );
    expect(pod).toMatchObject({ code: 0, stderr: '' });
    expect(parse(pod?.stdout ?? '')).toMatchObject({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'kube-vip' } });
    expect(init).toEqual(pod);
    expect(join).toEqual(pod);
  });

  it('takes booleans, empty values and negative numbers as kube-vip takes them', async () => {
    const { code, stdout } = await runCli([
      ...['manifest', 'daemonset', '--services', '--arp=true', '--inCluster', '--egressWithNftables=false'],
      ...['--prometheusHTTPServer', '', '--log', '-4'],
    ]);
    expect(code).toBe(0);
    for (const [name, value] of [
      ['egress_withnftables', '"false"'],
      ['prometheus_server', '""'],
      ['vip_loglevel', '"-4"'],
    ])
      expect(stdout).toContain(`- name: ${name ?? ''}\n              value: ${value ?? ''}\n`);
  });

  it('of several objects is several documents', async () => {
    const { stdout } = await runCli(['manifest', 'rbac']);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Object);
    expect(objects.map(({ kind }) => kind)).toEqual([
      'ServiceAccount',
      'ClusterRole',
      'ClusterRoleBinding',
      'Role',
      'RoleBinding',
    ]);
  });

  it('of pools', async () => {
    const { code, stdout } = await runCli([
      ...['manifest', 'config', '--pool', 'global=10.0.0.10-10.0.0.19', '--pool', 'home=dhcp'],
      ...['--set', 'search-order=desc'],
    ]);
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({
      kind: 'ConfigMap',
      metadata: { name: 'kubevip', namespace: 'kube-system' },
      data: { 'range-global': '10.0.0.10-10.0.0.19', 'cidr-home': '0.0.0.0/32', 'search-order': 'desc' },
    });
  });

  it('is in the envelope with --json', async () => {
    const { stdout } = await runCli(['manifest', 'pod', ...CP, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, result: { objects: [{ kind: 'Pod' }] } });
  });

  it('comes with a warning on stderr for what our agent does not do', async () => {
    const { code, stderr } = await runCli(['manifest', 'pod', ...CP, '--healthCheckPort', '8080']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Warning: our agent: health_check_port is not supported: .*\n$/);
    const theirs = await runCli([
      'manifest',
      'pod',
      ...CP,
      '--healthCheckPort',
      '8080',
      '--image',
      'kube-vip/kube-vip',
    ]);
    expect(theirs.stderr).toBe('');
  });
});

describe('what is not right', () => {
  it.each([
    [['manifest', 'pod', '--controlplane', '--arp'], 'SETTINGS_REFUSED', '--address'],
    [['manifest', 'pod', ...CP, '--port', 'http'], 'BAD_SETTING', '--port'],
    [['manifest', 'pod', ...CP, '--nonsense'], 'USAGE', '--nonsense'],
    [['manifest', 'daemonset', '--services', '--arp', '--nodeName', 'n1'], 'SETTINGS_REFUSED', '--nodeName'],
    [['kubeadm', 'init', '--services', '--arp'], 'SETTINGS_REFUSED', '--controlplane'],
    [['kubeadm', 'join', '--arp'], 'SETTINGS_REFUSED', '--controlplane'],
    [
      ['manifest', 'pod', '--address', 'x', '--controlplane', '--bgp', '--peerPass', 'hush'],
      'PASSWORD_IN_CLEAR',
      '--peerPass',
    ],
    [['manifest', 'config'], 'USAGE', '--pool'],
    [['manifest', 'config', '--pool', 'global'], 'INVALID_POOL', '--pool'],
    [['manifest', 'config', '--pool', 'global=10.0.0.300'], 'BAD_POOL', 'global'],
  ])('%j exits with 2, and prints nothing on stdout', async (words, code, named) => {
    const result = await runCli(words);
    expect([result.code, result.stdout]).toEqual([2, '']);
    expect(result.stderr).toContain(`Code: ${code}`);
    // oclif names a missing flag without dashes.
    expect(result.stderr).toContain(named.replace('--pool', 'pool'));
    expect(result.stderr).not.toContain('hush');
  });
});

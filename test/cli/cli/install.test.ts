/** `kubevip install` and `uninstall` where there is no cluster, or none that answers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runCli } from '../../support/cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'kubevip-install-cli-'));
const nowhere = join(directory, 'kubeconfig');
// Port 1 of loopback: nobody listens there.
writeFileSync(
  nowhere,
  JSON.stringify({
    'current-context': 'a',
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'a', user: { token: 't' } }],
  }),
);
afterAll(() => rmSync(directory, { recursive: true }));

describe('install --dry-run', () => {
  it('prints what it would apply, and says when nobody looked at it', async () => {
    const { code, stdout, stderr } = await runCli([
      ...['install', '--dry-run', '--pool', 'global=10.0.0.10-10.0.0.19', '--control-plane', '10.0.0.9'],
      ...['--kubeconfig', nowhere],
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('Warning: not checked by an API server: ');
    const objects = parseAllDocuments(stdout).map(
      (document) => document.toJS() as { kind: string; metadata: { name: string } },
    );
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ServiceAccount kubevip',
      'ClusterRole system:kubevip',
      'ClusterRoleBinding system:kubevip',
      'Role kubevip',
      'RoleBinding kubevip',
      'ServiceAccount kubevip-control-plane',
      'Role kubevip-control-plane',
      'RoleBinding kubevip-control-plane',
      'Role kubevip-control-plane-api-servers',
      'RoleBinding kubevip-control-plane-api-servers',
      'ClusterRole system:kubevip-control-plane',
      'ClusterRoleBinding system:kubevip-control-plane',
      'ConfigMap kubevip',
      'DaemonSet kubevip',
      'DaemonSet kubevip-control-plane',
    ]);
  });
});

describe('what is not right', () => {
  it.each([
    [['install', '--kubeconfig', nowhere], 4, 'API_UNREACHABLE'],
    [['uninstall', '--yes', '--kubeconfig', nowhere], 4, 'API_UNREACHABLE'],
    [['install', '--pool', 'global=nonsense'], 2, 'BAD_POOL'],
    [['install', '--pool', 'nonsense'], 2, 'INVALID_POOL'],
    [['install', '--control-plane', '10.0.0.300'], 2, 'BAD_SETTING'],
    [['install', '--control-plane', '10.0.0.9', '--control-plane-port', '0'], 2, 'INVALID_PORT'],
    [['install', '--control-plane-port', '6443'], 2, 'USAGE'],
    [['install', '--timeout', 'soon'], 2, 'INVALID_DURATION'],
  ])('%j', async (words, exit, code) => {
    const result = await runCli(words);
    expect([result.code, result.stdout]).toEqual([exit, '']);
    expect(result.stderr).toContain(`Code: ${code}`);
  });
});

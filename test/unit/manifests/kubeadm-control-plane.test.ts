import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubeadmControlPlane } from '../../../src/manifests/kubeadm-control-plane.ts';
import { kubeVipPod } from '../../../src/manifests/kube-vip/pod.ts';
import { readSettings } from '../../../src/manifests/kube-vip/read.ts';

const pod = (more: Readonly<Record<string, string>> = {}): ReturnType<typeof kubeVipPod> =>
  kubeVipPod(readSettings({ flags: { address: '192.168.1.10', controlplane: 'true', arp: 'true', ...more }, env: {} }));

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'kubevip-kcp-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a command of the object on a machine whose files lie in a folder of the test. */
function carryOut(commands: readonly string[], kubeadm: string): void {
  writeFileSync(join(dir, 'kubeadm'), `#!/bin/sh\necho ${kubeadm}\n`, { mode: 0o755 });
  for (const command of commands) {
    const here = command.replaceAll(/\/(run\/kubeadm|etc\/kubernetes\/manifests)\//g, `${dir}/`);
    execFileSync('sh', ['-c', here], { env: { PATH: `${dir}:${process.env['PATH'] ?? ''}` } });
  }
}

describe('the manifest as a KubeadmControlPlane takes it', () => {
  const { metadata, spec } = kubeadmControlPlane(pod(), 'home-control-plane');
  const { files, preKubeadmCommands = [], postKubeadmCommands = [] } = spec.kubeadmConfigSpec;
  const [file] = files;
  const written = (): string => readFileSync(join(dir, 'kube-vip.yaml'), 'utf8');

  it('is the pod as a file of root among the static pods', () => {
    expect(metadata.name).toBe('home-control-plane');
    expect(file).toMatchObject({
      path: '/etc/kubernetes/manifests/kube-vip.yaml',
      owner: 'root:root',
      permissions: '0600',
    });
    expect(parse(file?.content ?? '')).toEqual(JSON.parse(JSON.stringify(pod())));
  });

  it.each(['v1.29.0', 'v1.36.2', 'v1.100.1'])('uses the rights of super-admin.conf while %s makes the cluster', (v) => {
    writeFileSync(join(dir, 'kubeadm.yaml'), '');
    writeFileSync(join(dir, 'kube-vip.yaml'), file?.content ?? '');
    carryOut(preKubeadmCommands, v);
    // Where the container looks stays as it is.
    expect(written()).toContain('path: /etc/kubernetes/super-admin.conf\n');
    expect(written()).toContain('mountPath: /etc/kubernetes/admin.conf\n');
    carryOut(postKubeadmCommands, v);
    expect(written()).toBe(file?.content);
  });

  it('and not on machines that join, nor where there is no such file', () => {
    writeFileSync(join(dir, 'kube-vip.yaml'), file?.content ?? '');
    carryOut(preKubeadmCommands, 'v1.36.2');
    expect(written()).toBe(file?.content);
    writeFileSync(join(dir, 'kubeadm.yaml'), '');
    carryOut(preKubeadmCommands, 'v1.28.15');
    expect(written()).toBe(file?.content);
  });

  it('needs no commands with a kubeconfig of its own', () => {
    const other = kubeadmControlPlane(pod({ k8sConfigPath: '/etc/kubernetes/agent.conf' }), 'x');
    expect(Object.keys(other.spec.kubeadmConfigSpec)).toEqual(['files']);
  });
});

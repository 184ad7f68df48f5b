import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import type { NodeFacts } from '../../../src/cluster/kubeadm/documents.ts';
import { kubeadmInitStep } from '../../../src/cluster/steps/kubeadm-init.ts';
import { ip } from '../../../src/model/ip.ts';
import { bootstrapMachine, Disk } from '../../support/bootstrap-machine.ts';

const CONFIG = parseBootstrapConfig({ controlPlane: { vip: '10.0.0.100' } }, 'init', { name: 'the test' });
const NODE: NodeFacts = {
  nodeName: 'n1',
  nodeIps: [ip('10.0.0.11')],
  kubeadm: { major: 1, minor: 36, patch: 0, text: 'v1.36.0' },
  cgroups: 2,
};
const ADMIN = `current-context: a
clusters: [{ name: a, cluster: { server: 'https://10.0.0.100:6443' } }]
`;

function controlPlane(): Disk {
  const disk = new Disk();
  disk.files.set('/etc/kubernetes/admin.conf', ADMIN);
  disk.files.set('/etc/kubernetes/manifests/kube-apiserver.yaml', 'a pod');
  for (const name of ['n1', 'n2']) {
    const labels = { 'node-role.kubernetes.io/control-plane': '' };
    disk.objects.set(`Node//${name}`, { kind: 'Node', metadata: { name, labels } });
  }
  return disk;
}

async function undoInit(disk: Disk): Promise<string[]> {
  const said: string[] = [];
  const { parts } = bootstrapMachine(disk);
  const signal = new AbortController().signal;
  const step = kubeadmInitStep(parts, CONFIG, NODE, () => ({ token: '', certificateKey: '' }));
  await step.undo({ progress: (line) => said.push(line), signal, again: false }, null);
  return said;
}

describe('taking back kubeadm init', () => {
  it('takes the node out of the cluster when other control planes go on', async () => {
    const disk = controlPlane();
    disk.others.push('n2');
    await undoInit(disk);
    expect([...disk.objects.keys()]).toEqual(['Node//n2']);
  });

  it('says how that is done where no API answers', async () => {
    const disk = controlPlane();
    disk.files.delete('/etc/kubernetes/manifests/kube-apiserver.yaml');
    expect((await undoInit(disk)).join('\n')).toContain('kubectl delete node n1');
  });
});

import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import type { NodeFacts } from '../../../src/cluster/kubeadm/documents.ts';
import { kubeadmInitStep } from '../../../src/cluster/steps/kubeadm-init.ts';
import { kubeadmJoinStep } from '../../../src/cluster/steps/kubeadm-join.ts';
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

const serverOf = (kubeconfig: string): string => /server: "?([^\s"]+)/.exec(kubeconfig)?.[1] ?? '';

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

describe('taking back kubeadm join', () => {
  it('goes by what was said at the join, though the configuration is gone', async () => {
    const disk = controlPlane();
    disk.others.push('n2');
    const { parts } = bootstrapMachine(disk);
    const servers: string[] = [];
    const api: typeof parts.api = {
      connect: (text) => {
        servers.push(serverOf(text));
        return parts.api.connect(text);
      },
    };
    const code = (): Promise<never> => Promise.reject(new Error('no code is needed'));
    const said = { controlPlane: { port: 7443 }, criSocket: 'unix:///run/other.sock', nodeName: 'n1' };
    const node = { ...NODE, nodeIps: [ip('fd00::11')] as const };
    const step = (config: object) =>
      kubeadmJoinStep(
        { ...parts, api },
        parseBootstrapConfig(config, 'control-plane', { name: 'the test' }),
        node,
        'control-plane',
        code,
      );
    const facts = (await step(said).observe?.()) ?? null;
    const signal = new AbortController().signal;
    await step({}).undo({ progress: () => undefined, signal, again: false }, facts);
    expect(disk.argv).toContain('kubeadm reset --force --cri-socket unix:///run/other.sock');
    expect(servers[0]).toBe('https://[::1]:7443');
  });
});

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

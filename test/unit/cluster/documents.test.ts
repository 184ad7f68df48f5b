import { parseAllDocuments } from 'yaml';
import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import {
  initDocuments,
  joinDocuments,
  renderDocuments,
  type NodeFacts,
} from '../../../src/cluster/kubeadm/documents.ts';
import { mergePatch } from '../../../src/cluster/kubeadm/merge-patch.ts';
import { failureOf, newsOf, redact } from '../../../src/cluster/kubeadm/output.ts';
import { parseKubernetesVersion, type KubernetesVersion } from '../../../src/cluster/kubernetes-version.ts';
import { ip } from '../../../src/model/ip.ts';

const version = (text: string): KubernetesVersion => {
  const parsed = parseKubernetesVersion(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const NODE: NodeFacts = {
  nodeName: 'n1',
  nodeIps: [ip('10.0.0.11'), ip('fd00::11')],
  kubeadm: version('v1.36.0'),
  cgroups: 2,
};
const SECRETS = { token: 'abcdef.0123456789abcdef', certificateKey: '0'.repeat(62) + '17' };
const config = (more: object = {}) =>
  parseBootstrapConfig({ controlPlane: { vip: '10.0.0.100,fd00::100' }, clusterName: 'home', ...more }, 'init', {
    name: 'test',
  });

describe('what kubeadm is told', () => {
  it('names the VIP, the cluster on the LAN and more in the certificate', () => {
    const [, cluster] = initDocuments(config({ kubeadm: { extraSans: ['api.example.org', '10.0.0.100'] } }), NODE);
    expect(cluster).toMatchObject({
      kind: 'ClusterConfiguration',
      clusterName: 'home',
      controlPlaneEndpoint: '10.0.0.100:6443',
      kubernetesVersion: 'v1.36.0',
      apiServer: { certSANs: ['10.0.0.100', 'fd00::100', 'home.local', 'api.example.org'] },
    });
  });

  it('quotes a certificate key of digits alone, and leaves no other doubt about what is text', () => {
    const text = renderDocuments(initDocuments(config(), NODE, SECRETS));
    expect(text).toContain(`certificateKey: "${SECRETS.certificateKey}"`);
    expect(text).toContain('ttl: "2h0m0s"');
    expect(parseAllDocuments(text).map((one) => (one.toJS() as { kind: string }).kind)).toEqual([
      'InitConfiguration',
      'ClusterConfiguration',
    ]);
  });

  it('speaks the dialect of older releases', () => {
    const [old] = initDocuments(config(), { ...NODE, kubeadm: version('v1.30.4') });
    expect(old).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta3',
      nodeRegistration: { kubeletExtraArgs: { 'node-ip': '10.0.0.11,fd00::11' } },
    });
    const [current] = initDocuments(config(), NODE);
    expect(current).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      nodeRegistration: { kubeletExtraArgs: [{ name: 'node-ip', value: '10.0.0.11,fd00::11' }], taints: [] },
    });
  });

  it('lets the kubelet run on version 1 of control groups, where it asks for that', () => {
    const kinds = (facts: Partial<NodeFacts>) =>
      initDocuments(config(), { ...NODE, ...facts }).map((one) => one['kind']);
    expect(kinds({ cgroups: 1 })).toContain('KubeletConfiguration');
    expect(kinds({ cgroups: 2 })).not.toContain('KubeletConfiguration');
    expect(kinds({ cgroups: 1, kubeadm: version('v1.34.0') })).not.toContain('KubeletConfiguration');
  });

  it('takes patches, and leaves kubeadm its taints where pods shall keep away', () => {
    const patched = config({
      controlPlane: { vip: '10.0.0.100', workloads: false },
      kubeadm: {
        patches: {
          ClusterConfiguration: { networking: { dnsDomain: 'corp' }, apiServer: null },
          KubeProxyConfiguration: { mode: 'nftables' },
        },
      },
    });
    const [init, cluster, proxy] = initDocuments(patched, NODE);
    expect(init?.['nodeRegistration']).not.toHaveProperty('taints');
    expect(cluster).not.toHaveProperty('apiServer');
    expect(cluster).toMatchObject({ networking: { dnsDomain: 'corp', podSubnet: '10.244.0.0/16' } });
    expect(proxy).toEqual({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
    });
  });

  it('joins with the hash of the authority, and with a key only as control plane', () => {
    const code = {
      role: 'control-plane' as const,
      endpoint: '[fd00::100]:6443',
      token: SECRETS.token,
      caHash: 'ab'.repeat(32),
      certificateKey: SECRETS.certificateKey,
      families: [4 as const],
      expires: new Date(0),
    };
    const [join] = joinDocuments(config(), NODE, code, 'control-plane');
    expect(join).toMatchObject({
      discovery: {
        bootstrapToken: { apiServerEndpoint: '[fd00::100]:6443', caCertHashes: [`sha256:${'ab'.repeat(32)}`] },
      },
      controlPlane: { certificateKey: SECRETS.certificateKey, localAPIEndpoint: { advertiseAddress: '10.0.0.11' } },
    });
    const [worker] = joinDocuments(config(), NODE, code, 'worker');
    expect(worker).not.toHaveProperty('controlPlane');
    expect(worker?.['nodeRegistration']).not.toHaveProperty('taints');
  });
});

describe('a merge patch', () => {
  it('is RFC 7396, and no way into prototypes', () => {
    expect(mergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null, e: 3 }, d: [2] })).toEqual({
      a: { c: 2, e: 3 },
      d: [2],
    });
    const merged = mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(merged)).toEqual(['__proto__']);
  });
});

describe('what kubeadm says', () => {
  it('is shown without tokens and keys', () => {
    const hash = `sha256:${'ab'.repeat(32)}`;
    expect(redact(`--token abcdef.0123456789abcdef --hash ${hash} key ${'0f'.repeat(32)}`)).toBe(
      `--token [token] --hash ${hash} key [key]`,
    );
    expect(newsOf('[certs] Generating "ca" certificate and key')).toBe('certs: Generating "ca" certificate and key');
    expect(newsOf('Your Kubernetes control-plane has initialized successfully!')).toBeUndefined();
  });

  it('is brought down to the reason', () => {
    const stderr = [
      'W0101 00:00:00.000000 1 foo.go:1] a warning',
      '[preflight] Some fatal errors occurred:',
      '\t[ERROR Port-6443]: Port 6443 is in use',
      'To see the stack trace of this error execute with --v=5 or higher',
    ].join('\n');
    expect(failureOf('', stderr)).toBe('[ERROR Port-6443]: Port 6443 is in use');
    expect(failureOf('last words', '')).toBe('last words');
    expect(failureOf('', '')).toBe('it said nothing');
  });
});

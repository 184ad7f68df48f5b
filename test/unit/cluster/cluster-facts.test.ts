import { parse, stringify } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { readClusterFacts } from '../../../src/cluster/cluster-facts.ts';
import { checkJoinCode } from '../../../src/cluster/discovery.ts';
import type { JoinCode } from '../../../src/cluster/join-code.ts';
import { publicKeyHash } from '../../../src/cluster/kubeconfig.ts';
import type { ApiConnector, ObjectRef } from '../../../src/cluster/ports/api.ts';
import { servingCertificate } from '../../../src/lab/apiserver/certificates.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import type { KubeObject } from '../../../src/model/kubernetes.ts';
import type { Clock } from '../../../src/model/time.ts';

const signal = new AbortController().signal;
let waited = 0;
/** Moves only by waiting. */
const clock: Clock = {
  now: () => waited,
  wall: () => new Date('2026-01-01T00:00:00Z'),
  after: (delay, callback) => {
    waited += delay;
    const timer = setImmediate(callback);
    return { cancel: () => clearImmediate(timer) };
  },
};
let [ca, other] = ['', ''];
let code: JoinCode;

beforeAll(async () => {
  ca = (await servingCertificate(undefined, ['10.0.0.1'], new Date())).ca;
  other = (await servingCertificate(undefined, ['10.0.0.1'], new Date())).ca;
  code = {
    role: 'worker',
    endpoint: '10.0.0.100:6443',
    token: 'abcdef.0123456789abcdef',
    caHash: publicKeyHash(ca),
    families: [4],
    expires: new Date('2099-01-01'),
  };
});

/** An API that knows these; what is asked of it, and with which kubeconfig, is kept. */
function apiWith(answer: (ref: ObjectRef) => unknown): ApiConnector & { readonly kubeconfigs: string[] } {
  const kubeconfigs: string[] = [];
  return {
    kubeconfigs,
    connect: (kubeconfig) => {
      kubeconfigs.push(kubeconfig);
      return {
        server: '',
        find: async (ref: ObjectRef) => Promise.resolve(answer(ref) as KubeObject | undefined),
        list: () => Promise.reject(new Error('a bootstrap token may not list')),
        close: () => undefined,
      } as unknown as ReturnType<ApiConnector['connect']>;
    },
  };
}

const kubeadmConfig = { data: { ClusterConfiguration: 'kind: ClusterConfiguration\nkubernetesVersion: v1.35.1\n' } };

describe('what a join code lets a machine read of its cluster', () => {
  it('is the version, and whether its own name is taken', async () => {
    const api = apiWith(({ kind }) => (kind === 'Node' ? { metadata: { name: 'n2' } } : kubeadmConfig));
    expect(await readClusterFacts(api, code, ca, 'n2', signal)).toEqual({
      kubernetesVersion: 'v1.35.1',
      takenNames: ['n2'],
      unknown: [],
    });
    const free = apiWith(({ kind }) => (kind === 'Node' ? undefined : kubeadmConfig));
    expect(await readClusterFacts(free, code, ca, 'n2', signal)).not.toHaveProperty('takenNames');
  });

  it('is how it announces its addresses, so that this machine is looked at for that', async () => {
    const config = (more: object): string =>
      stringify({ controlPlane: { vip: ['10.9.0.1'], ...more }, services: { enabled: false } });
    const record = (text: string) =>
      apiWith(({ kind, name }) =>
        name === 'kubevip-cluster' ? { data: { config: text } } : kind === 'Node' ? undefined : kubeadmConfig,
      );
    expect(await readClusterFacts(record(config({})), code, ca, 'n2', signal)).toMatchObject({ vips: ['10.9.0.1'] });
    const routed = record(config({ bgpPeers: ['10.0.0.1:65001'], bgpAs: 64512 }));
    const asControlPlane = { ...code, role: 'control-plane' as const };
    expect((await readClusterFacts(routed, asControlPlane, ca, 'n2', signal)).bgp).toEqual({
      as: 64512,
      peers: [{ at: { ip: '10.0.0.1' }, as: 65001, port: 179 }],
    });
    // A worker has nothing to announce there.
    expect(await readClusterFacts(routed, code, ca, 'n2', signal)).not.toHaveProperty('bgp');
  });

  it('is told as unknown where it is refused, without the token', async () => {
    const api = apiWith(() => {
      throw new KubevipError('forbidden', { code: 'FORBIDDEN' });
    });
    const { unknown, ...facts } = await readClusterFacts(api, code, ca, 'n2', signal);
    expect(facts).toEqual({});
    expect(unknown).toHaveLength(3);
    expect(unknown.join()).toContain('forbidden');
    expect(unknown.join()).not.toContain(code.token);
    for (const answer of [{}, { data: { ClusterConfiguration: '[' } }, { data: { ClusterConfiguration: '1' } }]) {
      const odd = apiWith(({ kind }) => (kind === 'Node' ? undefined : answer));
      expect((await readClusterFacts(odd, code, ca, 'n2', signal)).unknown).toHaveLength(1);
    }
  });

  it('trusts the one authority that the code names, and none that came along', async () => {
    const bundle = Buffer.from(`${ca}\n${other}`).toString('base64');
    const info = {
      data: {
        kubeconfig: `clusters: [{name: a, cluster: {certificate-authority-data: ${bundle}}}]`,
        'jws-kubeconfig-abcdef': 'x',
      },
    };
    const certificate = await checkJoinCode(
      apiWith(() => info),
      code,
      { clock, signal },
    );
    expect(certificate.trim()).toBe(ca.trim());
    const api = apiWith(() => undefined);
    await readClusterFacts(api, code, certificate, 'n2', signal);
    const { clusters } = parse(api.kubeconfigs[0] ?? '') as { clusters: { cluster: Record<string, string> }[] };
    expect(clusters[0]?.cluster).not.toHaveProperty('insecure-skip-tls-verify');
    expect(Buffer.from(clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString()).not.toContain(
      other.trim(),
    );
  });

  it('waits for the signature of a code that was made this moment, and not for long', async () => {
    const authority = Buffer.from(ca).toString('base64');
    const kubeconfig = `clusters: [{name: a, cluster: {certificate-authority-data: ${authority}}}]`;
    const signedAfter = (delay: number): ApiConnector => {
      waited = 0;
      return apiWith(() => ({ data: { kubeconfig, ...(waited < delay ? {} : { 'jws-kubeconfig-abcdef': 'x' }) } }));
    };
    expect((await checkJoinCode(signedAfter(3000), code, { clock, signal })).trim()).toBe(ca.trim());
    expect(waited).toBe(3000);
    const never = checkJoinCode(signedAfter(Number.POSITIVE_INFINITY), code, { clock, signal });
    await expect(never).rejects.toMatchObject({ code: 'JOIN_CODE_REVOKED' });
    expect(waited).toBe(10_000);
  });
});

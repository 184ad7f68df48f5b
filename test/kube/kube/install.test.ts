/** `kubevip install` and `uninstall`, and every manifest that is printed, against an API server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { clusterObjects, staticPodText } from '../../../src/cluster/objects.ts';
import { readClusterRecord } from '../../../src/cluster/record.ts';
import { connect, type Cluster } from '../../../src/kube/client.ts';
import type { AnyManifest, PodManifest, RoleBindingManifest } from '../../../src/manifests/objects.ts';
import { kubeVipDaemonSet, kubeVipPod } from '../../../src/manifests/kube-vip/pod.ts';
import { kubeVipRbac } from '../../../src/manifests/kube-vip/rbac.ts';
import { controlPlaneRbac, joiningRbac } from '../../../src/manifests/rbac.ts';
import { staticPod } from '../../../src/manifests/static-pod.ts';
import { FINALIZER, KEY } from '../../../src/model/annotations.ts';
import type { KubeObject } from '../../../src/model/kubernetes.ts';
import { install, tryInstall, type InstallResult } from '../../../src/workflows/install/install.ts';
import { installObjects, type InstallConfig } from '../../../src/workflows/install/objects.ts';
import { planUninstall, uninstall, type UninstallResult } from '../../../src/workflows/install/uninstall.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { settingsOf } from '../../support/kube-vip-args.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { realClock } from '../../support/real-time.ts';
import { againstEachServer } from '../contract/servers.ts';

const DAEMON_SETS = '/apis/apps/v1/namespaces/kube-system/daemonsets';

againstEachServer('install', (server) => {
  const directory = mkdtempSync(join(tmpdir(), 'kubevip-install-'));
  let cluster: Cluster;
  /** What the embedded server brings for the agents of the lab. */
  let before: string[] = [];

  beforeAll(async () => {
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, server().kubeconfig);
    cluster = connect({ kubeconfig, env: {}, userAgent: 'kubevip-test/0', namespace: 'default' });
    for (const namespace of ['kube-system', 'default']) {
      await eventually(async () => (await cluster.resource('Namespace').find({ name: namespace })) !== undefined);
    }
    const account = { name: 'kubevip', namespace: 'kube-system' };
    if (await cluster.resource('ServiceAccount').find(account))
      await cluster.resource('ServiceAccount').delete(account);
    before = await ours();
  });
  afterAll(() => {
    cluster.close();
    rmSync(directory, { recursive: true });
  });

  async function drain<R>(steps: AsyncGenerator<Step, R>): Promise<{ result: R; told: Step[] }> {
    const told: Step[] = [];
    for (;;) {
      const next = await steps.next();
      if (next.done === true) return { result: next.value, told };
      told.push(next.value);
    }
  }

  const MERGE = { type: 'application/merge-patch+json' };

  async function eventually(holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + 20_000;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error('waited too long');
      await delay(20);
    }
  }

  /** What the controller of DaemonSets would say, if there were one beside a bare API server: all is well. */
  async function control(nodes: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(20);
      const { items } = await cluster.resource('DaemonSet').list({ namespace: 'kube-system' });
      for (const { metadata, status } of items) {
        if (status?.observedGeneration === metadata.generation) continue;
        const counts = Object.fromEntries(
          ['current', 'desired', 'updated'].map((which) => [`${which}NumberScheduled`, nodes]),
        );
        await server().client.call(
          'PATCH',
          `${DAEMON_SETS}/${metadata.name}/status`,
          { status: { ...counts, numberReady: nodes, numberMisscheduled: 0, observedGeneration: metadata.generation } },
          MERGE,
        );
      }
    }
  }

  const parts = (timeout = 20_000) => ({ cluster, clock: realClock, timeout });
  const doInstall = async (config: InstallConfig): Promise<{ result: InstallResult; told: Step[] }> => {
    const controller = new AbortController();
    const running = control(2, controller.signal);
    try {
      return await drain(install(installObjects(config), parts()));
    } finally {
      controller.abort();
      await running;
    }
  };
  const doUninstall = async (force = false): Promise<{ result: UninstallResult; told: Step[] }> =>
    drain(uninstall(await planUninstall(cluster), { ...parts(), force }));

  /** Names of everything that install may have made. */
  async function ours(): Promise<string[]> {
    const kinds = [
      'ServiceAccount',
      'Role',
      'RoleBinding',
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
      'Lease',
    ] as const;
    const lists = await Promise.all(
      [...kinds, 'DaemonSet' as const].map(async (kind) => {
        const { items } = await cluster.resource(kind).list({ namespace: '*' });
        return (items as readonly KubeObject[]).map(({ metadata }) => `${kind} ${metadata.name}`);
      }),
    );
    return lists.flat().filter((name) => /kubevip|plndr/.test(name) && !before.includes(name));
  }

  it('tries without keeping anything', async () => {
    const objects = installObjects({ pools: { global: 'dhcp' }, controlPlane: { address: '10.0.0.9' } });
    const { told } = await drain(tryInstall(objects, { cluster }));
    expect(told).toHaveLength(objects.length);
    expect(await ours()).toEqual([]);
  });

  it('is accepted whatever is printed, in kube-vip’s shape or ours', async () => {
    const cp = '--address 10.0.0.9 --controlplane --arp --leaderElection --services --inCluster';
    const printed: AnyManifest[] = [
      staticPod({ address: '10.0.0.9' }),
      kubeVipPod(settingsOf('--address api.lan --controlplane --arp')),
      kubeVipDaemonSet(settingsOf(`${cp} --taint`)),
      kubeVipDaemonSet(settingsOf('--services --bgp --bgppeers 10.0.0.1:65000:hush:false --inCluster')),
      kubeVipDaemonSet(settingsOf(`${cp} --image ghcr.io/kube-vip/kube-vip`)),
      ...kubeVipRbac(settingsOf('')),
      ...kubeVipRbac(settingsOf('--role', { svc_namespace: 'default' })),
      ...kubeVipRbac(settingsOf('--image ghcr.io/kube-vip/kube-vip')),
    ];
    await drain(tryInstall(printed, { cluster }));
  });

  it('installs, says where it runs, and changes nothing the second time', async () => {
    const { result, told } = await doInstall({ pools: { global: '10.0.0.10-10.0.0.19' } });
    expect(result).toMatchObject({ running: { kubevip: 2 } });
    expect(result.applied).toContain('DaemonSet kube-system/kubevip');
    expect(told.at(-1)).toMatchObject({ kind: 'stage', state: 'ready', message: '2 of 2 nodes' });
    const before = await cluster.resource('DaemonSet').get({ name: 'kubevip', namespace: 'kube-system' });
    await doInstall({ pools: { global: '10.0.0.10-10.0.0.19' } });
    const after = await cluster.resource('DaemonSet').get({ name: 'kubevip', namespace: 'kube-system' });
    expect(after.metadata.generation).toBe(before.metadata.generation);
  });

  it('says what the pods wait for when they do not run', async () => {
    await cluster.resource('Pod').create({
      metadata: { name: 'kubevip-x', namespace: 'kube-system', labels: { 'app.kubernetes.io/name': 'kubevip' } },
      spec: { nodeName: 'n1', containers: [{ name: 'agent', image: 'nowhere/kubevip' }] },
    });
    const waiting = { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } };
    const status = {
      containerStatuses: [{ name: 'agent', ready: false, restartCount: 0, image: '', imageID: '', state: waiting }],
    };
    await server().client.call('PATCH', '/api/v1/namespaces/kube-system/pods/kubevip-x/status', { status }, MERGE);
    const other = installObjects({ image: 'nowhere/kubevip' });
    const failed = drain(install(other, parts(600)));
    await expect(failed).rejects.toMatchObject({
      code: 'TIMED_OUT',
      exit: 5,
      hints: expect.arrayContaining(['kubevip-x on n1: ImagePullBackOff: no such image']) as unknown,
    });
    await server().client.call('DELETE', '/api/v1/namespaces/kube-system/pods/kubevip-x', { gracePeriodSeconds: 0 });
  });

  it('uninstalls: the agents give back first, and nothing is left', async () => {
    await doInstall({ pools: { global: '10.0.0.10-10.0.0.19' }, controlPlane: { address: '10.0.0.9' } });
    for (const [name, holder] of [
      ['plndr-svcs-lock', 'n1_kubevip'],
      ['plndr-cp-lock', 'n1'],
      ['kubevip-node-n1', 'n1'],
    ] as const)
      await cluster.resource('Lease').create({
        metadata: { name, namespace: 'kube-system' },
        spec: { holderIdentity: holder },
      });
    await cluster.resource('Secret').create({ metadata: { name: 'kubevip-heartbeat', namespace: 'kube-system' } });
    await cluster.resource('Service').create({
      metadata: {
        name: 'web',
        namespace: 'default',
        finalizers: [FINALIZER],
        annotations: { [KEY.assigned]: JSON.stringify({ ips: ['10.0.0.10'], source: 'pool' }) },
      },
      spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }] },
    });
    const end = doUninstall();
    let withdrawing = false;
    // What agents do that are told to withdraw.
    await eventually(async () => {
      const set = await cluster.resource('DaemonSet').get({ name: 'kubevip', namespace: 'kube-system' });
      const env = set.spec.template.spec.containers[0]?.env ?? [];
      return (withdrawing = env.some(({ name, value }) => name === 'svc_withdraw' && value === 'true'));
    });
    expect(withdrawing).toBe(true);
    await cluster
      .resource('Service')
      .patch(
        { name: 'web', namespace: 'default' },
        { metadata: { finalizers: null, annotations: { [KEY.assigned]: null } } },
        { type: 'merge' },
      );
    const { result, told } = await end;
    expect(await ours()).toEqual([]);
    expect(result.removed).toEqual(
      expect.arrayContaining([
        'DaemonSet kube-system/kubevip',
        'ConfigMap kube-system/kubevip',
        'Secret kube-system/kubevip-heartbeat',
      ]),
    );
    const order = told.map((step) => ('text' in step ? step.text : step.reason));
    expect(order.indexOf('Withdrawn')).toBeLessThan(order.indexOf('DaemonSet kube-system/kubevip removed'));
    expect((await doUninstall()).told).toEqual([{ kind: 'done', text: 'Nothing of kubevip is in this cluster' }]);
  });

  it('uninstalls where files of nodes start agents that serve Services: these heed the record, and stay with what they need', async () => {
    const controlPlane = { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'] };
    const services = { pools: { global: '10.9.0.16/28' } };
    const config = parseBootstrapConfig({ controlPlane, services }, 'init', { name: 'the test' });
    for (const object of clusterObjects(config) as AnyManifest[]) {
      const { name, namespace } = object.metadata;
      const options = { type: 'apply', fieldManager: 'kubevip', force: true } as const;
      await cluster.resource(object.kind).patch({ name, namespace }, object, options);
    }
    const pod = parse(staticPodText(config)) as PodManifest;
    const metadata = {
      ...pod.metadata,
      name: 'kubevip-n1',
      annotations: { 'kubernetes.io/config.mirror': 'a', 'kubernetes.io/config.hash': 'a' },
    };
    await cluster.resource('Pod').create({ metadata, spec: { ...pod.spec, nodeName: 'n1' } });
    for (const name of ['kubevip-node-n1', 'kubevip-bgp-n1', 'kubevip-node-w1', 'plndr-svcs-lock'])
      await cluster.resource('Lease').create({
        metadata: { name, namespace: 'kube-system' },
        spec: { holderIdentity: name === 'plndr-svcs-lock' ? 'n1_kubevip' : name.slice(-2) },
      });
    const assigned = { [KEY.assigned]: JSON.stringify({ ips: ['10.9.0.16'], source: 'pool' }) };
    const web = { name: 'web', namespace: 'default' };
    const withdrawn = (on: boolean): Promise<unknown> =>
      cluster
        .resource('Service')
        .patch(
          web,
          { metadata: { finalizers: on ? null : [FINALIZER], annotations: on ? { [KEY.assigned]: null } : assigned } },
          { type: 'merge' },
        );
    await withdrawn(false);
    const end = doUninstall();
    const record = { name: 'kubevip-cluster', namespace: 'kube-system' };
    await eventually(async () => !readClusterRecord(await cluster.resource('ConfigMap').get(record)).servesServices);
    await withdrawn(true);
    const { result } = await end;
    expect(result.removed).toEqual(
      expect.arrayContaining(['DaemonSet kube-system/kubevip', 'ServiceAccount kube-system/kubevip']),
    );
    expect(result.stays.join('\n')).toMatch(/^n1: the agent of .*manifests\/kubevip\.yaml.*reset/m);
    const left = (await ours()).filter((name) => !/kubevip-control-plane|kubevip-cluster/.test(name)).sort();
    expect(left).toEqual([
      'ClusterRole system:kubevip',
      'ClusterRoleBinding system:kubevip',
      'Lease kubevip-bgp-n1',
      'Lease kubevip-node-n1',
      'Lease plndr-svcs-lock',
      'Role kubevip',
      'RoleBinding kubevip',
    ]);
    const binding = await cluster.resource('RoleBinding').get({ name: 'kubevip', namespace: 'kube-system' });
    const { subjects } = binding as RoleBindingManifest;
    expect(subjects.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Group kubevip:control-plane']);
    // The same again says the same, and changes nothing.
    expect((await doUninstall()).result).toEqual({ removed: [], stays: result.stays });
    await cluster.resource('Pod').delete({ name: 'kubevip-n1', namespace: 'kube-system' });
    await doUninstall();
    await cluster.resource('ConfigMap').delete(record);
    for (const object of [...controlPlaneRbac({ bgp: true }), ...joiningRbac('kubevip-cluster')])
      await cluster.resource(object.kind).delete(object.metadata);
    expect(await ours()).toEqual([]);
  });

  it('leaves pools that others wrote, and a kube-vip’s Lease', async () => {
    await doInstall({});
    await cluster.resource('ConfigMap').create({
      metadata: { name: 'kubevip', namespace: 'kube-system' },
      data: { 'range-global': '10.0.0.1-10.0.0.2' },
    });
    await cluster.resource('Lease').create({
      metadata: { name: 'plndr-svcs-lock', namespace: 'kube-system' },
      spec: { holderIdentity: 'n1' },
    });
    const { told } = await doUninstall();
    expect(told).toContainEqual({ kind: 'warning', text: expect.stringContaining('stays') as unknown });
    expect((await ours()).sort()).toEqual(['ConfigMap kubevip', 'Lease plndr-svcs-lock']);
  });

  it('does not saw off the branch that it sits on', async () => {
    await doInstall({ controlPlane: { address: '127.0.0.1' } });
    await expect(planUninstall(cluster)).rejects.toMatchObject({ code: 'OWN_WAY' });
    await cluster.resource('DaemonSet').delete({ name: 'kubevip-control-plane', namespace: 'kube-system' });
  });

  it('without agents says so; --force lets Services go', async () => {
    await doUninstall();
    await cluster
      .resource('Service')
      .patch({ name: 'web', namespace: 'default' }, { metadata: { finalizers: [FINALIZER] } }, { type: 'merge' });
    await expect(doUninstall()).rejects.toMatchObject({ code: 'NO_AGENTS' });
    await doUninstall(true);
    const { metadata } = await cluster.resource('Service').get({ name: 'web', namespace: 'default' });
    expect(metadata.finalizers ?? []).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { at, textAt } from './client.ts';
import { CONFIG_MAPS, configMap, DAEMON_SETS, deployment, DEPLOYMENTS, MERGE, SLICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

const PODS = '/api/v1/namespaces/default/pods';

againstEachServer('workloads', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);

  it('fills in a Deployment', async () => {
    const { body } = await call('POST', DEPLOYMENTS, deployment('w-web'));
    expect(body).toMatchObject({
      metadata: { generation: 1 },
      spec: {
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
        template: {
          spec: {
            restartPolicy: 'Always',
            dnsPolicy: 'ClusterFirst',
            schedulerName: 'default-scheduler',
            terminationGracePeriodSeconds: 30,
            securityContext: {},
            containers: [
              {
                name: 'web',
                image: 'nginx',
                imagePullPolicy: 'Always',
                ports: [{ containerPort: 80, protocol: 'TCP' }],
                resources: {},
                terminationMessagePath: '/dev/termination-log',
                terminationMessagePolicy: 'File',
              },
            ],
          },
        },
      },
      status: {},
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no selector', { selector: undefined }, 'spec.selector'],
    ['a selector that does not match', { selector: { matchLabels: { x: 'y' } } }, 'spec.template.metadata.labels'],
    ['fewer than no replicas', { replicas: -1 }, 'spec.replicas'],
    ['an unknown strategy', { strategy: { type: 'Nope' } }, 'spec.strategy'],
    [
      'a container without an image',
      { template: { metadata: { labels: { app: 'w-bad' } }, spec: { containers: [{ name: 'c' }] } } },
      'spec.template.spec.containers[0].image',
    ],
  ])('refuses %s', async (_what, spec, field) => {
    const { code, body } = await call('POST', DEPLOYMENTS, deployment('w-bad', spec));
    expect([code, at(body, 'details.group'), at(body, 'details.causes.0.field')]).toEqual([422, 'apps', field]);
  });

  it('fills in a DaemonSet, which has no number of pods', async () => {
    const { body } = await call('POST', DAEMON_SETS, { ...deployment('w-everywhere'), kind: 'DaemonSet' });
    expect(body).toMatchObject({
      metadata: { generation: 1 },
      spec: {
        revisionHistoryLimit: 10,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
        template: { spec: { restartPolicy: 'Always', schedulerName: 'default-scheduler' } },
      },
    });
    expect(at(body, 'spec.replicas')).toBeUndefined();
    expect(Object.keys(at(body, 'status') as object)).toEqual(
      expect.arrayContaining(['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady']),
    );
    const unknown = { ...deployment('w-never', { updateStrategy: { type: 'Never' } }), kind: 'DaemonSet' };
    const refused = await call('POST', DAEMON_SETS, unknown);
    expect([refused.code, at(refused.body, 'details.causes.0.field')]).toEqual([422, 'spec.updateStrategy.type']);
  });

  it('does not change a selector', async () => {
    await call('POST', DEPLOYMENTS, deployment('w-selector'));
    const patch = { spec: { selector: { matchLabels: { app: 'other' } } } };
    expect((await call('PATCH', `${DEPLOYMENTS}/w-selector`, patch, MERGE)).code).toBe(422);
  });

  it('scales', async () => {
    await call('POST', DEPLOYMENTS, deployment('w-scale'));
    const path = `${DEPLOYMENTS}/w-scale/scale`;
    const scale = await call('GET', path);
    expect(scale.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'w-scale', namespace: 'default' },
      spec: { replicas: 1 },
      status: { replicas: 0, selector: 'app=w-scale' },
    });
    const put = await call('PUT', path, { metadata: { name: 'w-scale' }, spec: { replicas: 3 } });
    expect([put.code, at(put.body, 'spec.replicas')]).toEqual([200, 3]);
    await call('PATCH', path, { spec: { replicas: 5 } }, MERGE);
    const { body } = await call('GET', `${DEPLOYMENTS}/w-scale`);
    expect([at(body, 'spec.replicas'), at(body, 'metadata.generation')]).toEqual([5, 3]);
    const stale = { metadata: { name: 'w-scale', resourceVersion: '1' }, spec: { replicas: 1 } };
    expect((await call('PUT', path, stale)).code).toBe(409);
  });

  it('makes pods pending, and lets only their image change', async () => {
    const made = await call('POST', PODS, {
      metadata: { name: 'w-pod' },
      spec: { containers: [{ name: 'c', image: 'nginx:1' }] },
    });
    expect(made.body).toMatchObject({ status: { phase: 'Pending', qosClass: 'BestEffort' } });
    const image = { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } };
    expect((await call('PATCH', `${PODS}/w-pod`, image, { type: 'application/strategic-merge-patch+json' })).code).toBe(
      200,
    );
    expect((await call('PATCH', `${PODS}/w-pod`, { spec: { hostNetwork: true } }, MERGE)).code).toBe(422);
    const status = { status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] } };
    const running = await call('PATCH', `${PODS}/w-pod/status`, status, MERGE);
    expect([running.code, at(running.body, 'status.phase')]).toEqual([200, 'Running']);
    const selected = await call('GET', `${PODS}?fieldSelector=status.phase%3DRunning,spec.nodeName%3D`);
    expect(at(selected.body, 'items.0.metadata.name')).toBe('w-pod');
  });

  it('keeps nodes, with a status of their own', async () => {
    const addresses = [{ type: 'InternalIP', address: '10.77.0.11' }];
    await call('POST', '/api/v1/nodes', { metadata: { name: 'w-node' }, status: { addresses } });
    const condition = { type: 'Ready', status: 'True', reason: 'Here', message: 'it answers' };
    const { body } = await call('PATCH', '/api/v1/nodes/w-node/status', { status: { conditions: [condition] } }, MERGE);
    expect(at(body, 'status')).toMatchObject({ addresses, conditions: [condition] });
    await call('DELETE', '/api/v1/nodes/w-node');
  });

  describe('endpoint slices', () => {
    it('are kept with defaults, null where nothing is', async () => {
      const slice = {
        metadata: { name: 'w-slice', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.0.0.1'], nodeName: 'n1', conditions: { ready: true } }],
        ports: [{ port: 80 }],
      };
      const { code, body } = await call('POST', SLICES, slice);
      expect([code, at(body, 'ports')]).toEqual([201, [{ name: '', port: 80, protocol: 'TCP' }]]);
      const emptied = await call('PATCH', `${SLICES}/w-slice`, { endpoints: null, ports: null }, MERGE);
      expect([at(emptied.body, 'endpoints'), at(emptied.body, 'ports')]).toEqual([null, null]);
      expect((await call('PATCH', `${SLICES}/w-slice`, { addressType: 'IPv6' }, MERGE)).code).toBe(422);
      expect((await call('POST', SLICES, { ...slice, metadata: { name: 'w-typeless' }, addressType: '' })).code).toBe(
        422,
      );
    });
  });

  describe('configuration', () => {
    it('refuses keys that are no file names, and values that are no text', async () => {
      const keys = await call('POST', CONFIG_MAPS, configMap('w-keys', { 'a b': '1' }));
      expect([keys.code, at(keys.body, 'details.causes.0.field')]).toEqual([422, 'data[a b]']);
      const values = await call('POST', CONFIG_MAPS, configMap('w-values', { a: 1 }));
      expect([values.code, textAt(values.body, 'message')]).toEqual([
        400,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
      ]);
    });

    it('does not change what is immutable', async () => {
      await call('POST', CONFIG_MAPS, { ...configMap('w-fixed'), immutable: true });
      expect((await call('PATCH', `${CONFIG_MAPS}/w-fixed`, { data: { a: '2' } }, MERGE)).code).toBe(422);
    });

    it('encodes what a Secret is given as text', async () => {
      const path = '/api/v1/namespaces/default/secrets';
      const { body } = await call('POST', path, { metadata: { name: 'w-secret' }, stringData: { a: 'text' } });
      expect(body).toMatchObject({ type: 'Opaque', data: { a: Buffer.from('text').toString('base64') } });
      expect(at(body, 'stringData')).toBeUndefined();
    });
  });
});

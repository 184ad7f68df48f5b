/** What kube/ relies on, against the embedded API server and, where there is one, a real one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect, type Cluster } from '../../../src/kube/client.ts';
import { createEventRecorder } from '../../../src/kube/event-recorder.ts';
import { createServiceWriter } from '../../../src/kube/service-writer.ts';
import { createWatcher } from '../../../src/kube/watcher/watcher.ts';
import type { Condition, Service } from '../../../src/model/kubernetes.ts';
import { realClock, realEntropy, until } from '../../support/real-time.ts';
import { againstEachServer } from '../contract/servers.ts';

const conditionOf = (type: string, reason: string): Condition => ({
  type,
  status: 'True',
  reason,
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

againstEachServer('kube/', (server) => {
  const directory = mkdtempSync(join(tmpdir(), 'kubevip-kube-'));
  let cluster: Cluster;
  let service: Service;
  let serial = 0;
  const fresh = async (): Promise<Service> => cluster.resource('Service').get(service.metadata);

  beforeAll(() => {
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, server().kubeconfig);
    cluster = connect({ kubeconfig, env: {}, userAgent: 'kubevip-test/0', namespace: 'default' });
  });
  afterAll(() => {
    cluster.close();
    rmSync(directory, { recursive: true });
  });
  beforeEach(async () => {
    service = await cluster.resource('Service').create({
      metadata: {
        name: `web-${++serial}`,
        namespace: 'default',
        finalizers: ['example.com/other'],
        annotations: { 'example.com/a': '1', 'example.com/b': '2' },
      },
      spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }] },
    });
  });

  it('writes to a Service what is ours and leaves the rest alone', async () => {
    const writer = createServiceWriter(cluster.resource('Service'));
    await writer.patch(service, {
      addFinalizer: 'kubevip.dev/cleanup',
      annotations: { 'example.com/a': undefined, 'kubevip.dev/assigned': '{}' },
      labels: { implementation: 'kube-vip' },
      loadBalancerIP: '10.0.0.5',
      ingress: [{ ip: '10.0.0.5', ipMode: 'VIP' }],
      conditions: [conditionOf('A', 'One'), conditionOf('B', 'One')],
    });
    const written = await fresh();
    expect([...(written.metadata.finalizers ?? [])].sort()).toEqual(['example.com/other', 'kubevip.dev/cleanup']);
    expect(written.metadata.annotations).toEqual({ 'example.com/b': '2', 'kubevip.dev/assigned': '{}' });
    expect(written.metadata.labels).toEqual({ implementation: 'kube-vip' });
    expect(written.spec.loadBalancerIP).toBe('10.0.0.5');
    expect(written.status?.loadBalancer?.ingress).toEqual([{ ip: '10.0.0.5', ipMode: 'VIP' }]);

    // From the stale object: another's finalizer and condition, made meanwhile, stay.
    await writer.patch(service, { addFinalizer: 'example.com/third', conditions: [conditionOf('C', 'One')] });
    await writer.patch(service, {
      removeFinalizer: 'kubevip.dev/cleanup',
      conditions: [conditionOf('A', 'Two')],
      dropConditions: ['B', 'never there'],
      ingress: [],
    });
    const after = await fresh();
    expect([...(after.metadata.finalizers ?? [])].sort()).toEqual(['example.com/other', 'example.com/third']);
    expect(after.status?.conditions?.map(({ type, reason }) => `${type} ${reason}`).sort()).toEqual(['A Two', 'C One']);
    expect(after.status?.loadBalancer?.ingress ?? []).toEqual([]);
  });

  it('leaves a Service alone that was made anew under the same name, or is gone', async () => {
    const writer = createServiceWriter(cluster.resource('Service'));
    const other = { ...service, metadata: { ...service.metadata, uid: '5c9ac5c5-0000-4000-8000-000000000000' } };
    await writer.patch(other, { labels: { a: 'b' }, ingress: [{ ip: '10.0.0.9' }] });
    expect(await fresh()).toEqual(service);
    await writer.patch({ ...service, metadata: { ...service.metadata, name: 'never' } }, { labels: { a: 'b' } });
  });

  it('lets a deleted Service go with the last finalizer', async () => {
    const writer = createServiceWriter(cluster.resource('Service'));
    await cluster.resource('Service').delete(service.metadata);
    await writer.patch(service, { conditions: [conditionOf('A', 'One')], removeFinalizer: 'example.com/other' });
    expect(await cluster.resource('Service').find(service.metadata)).toBeUndefined();
  });

  it('records Events that the server takes, and counts repeats', async () => {
    const errors: unknown[] = [];
    const recorder = createEventRecorder({
      events: cluster.resource('Event'),
      clock: realClock,
      entropy: realEntropy,
      instance: 'n1',
      onError: (error) => errors.push(error),
    });
    recorder.record(service, 'Normal', 'AnnouncingFrom', 'n1 announces 10.0.0.5');
    const find = async () => {
      const { items } = await cluster.resource('Event').list({ namespace: 'default' });
      return items.find(({ regarding }) => regarding?.uid === service.metadata.uid);
    };
    let seen = await find();
    for (const end = Date.now() + 10_000; !seen && Date.now() < end; seen = await find());
    recorder.record(service, 'Normal', 'AnnouncingFrom', 'n1 announces 10.0.0.5');
    await recorder.stop(5000);
    expect(await find()).toMatchObject({
      type: 'Normal',
      reason: 'AnnouncingFrom',
      note: 'n1 announces 10.0.0.5',
      reportingController: 'kubevip-agent',
      reportingInstance: 'n1',
      regarding: { kind: 'Service', name: service.metadata.name },
      series: { count: 2 },
    });
    expect(errors).toEqual([]);
  });

  it('watches one kind, selected by label, from a consistent list', async () => {
    const watcher = createWatcher<Service>({
      resource: cluster.resource('Service'),
      selection: { namespace: 'default', labelSelector: 'watched=yes' },
      clock: realClock,
      entropy: realEntropy,
    });
    const changes: string[] = [];
    watcher.onChange((key, object) => changes.push(`${object ? '+' : '-'}${key}`));
    watcher.start();
    expect(await watcher.synced).toBe(true);
    const writer = createServiceWriter(cluster.resource('Service'));
    await writer.patch(service, { labels: { watched: 'yes' } });
    await until(() => changes.length === 1, 'the Service to appear');
    await writer.patch(service, { labels: { watched: 'no' } });
    await until(() => changes.length === 2, 'the Service to disappear');
    expect(changes).toEqual([`+default/${service.metadata.name}`, `-default/${service.metadata.name}`]);
    watcher.stop();
  });

  it('is told what is wrong in words that help', async () => {
    const services = cluster.resource('Service');
    const { metadata } = service;
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
    await expect(services.create({ metadata: { name: metadata.name }, spec })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    const stale = { ...service, metadata: { ...metadata, resourceVersion: '1' } };
    await expect(services.replace(stale)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(services.delete(metadata, { resourceVersion: '1' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(services.create({ metadata: { name: 'UPPER' }, spec })).rejects.toMatchObject({ code: 'INVALID' });
    await expect(services.get({ name: 'none' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'cannot get services none in namespace default: services "none" not found',
    });
  });
});

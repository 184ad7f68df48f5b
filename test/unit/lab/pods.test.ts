import { describe, expect, it } from 'vitest';
import {
  chooseNode,
  freePodIp,
  listeningPorts,
  ownerName,
  podNames,
  podOf,
  selects,
  targetPortIn,
} from '../../../src/lab/cluster/pods.ts';
import type { ContainerPort, Pod, Workload } from '../../../src/model/kubernetes.ts';

const deployment = (replicas: number, image = 'nginx'): Workload => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
  },
});
const pod = (name: string, nodeName: string, ports: ContainerPort[] = []): Pod => ({
  metadata: { name, labels: { app: 'web', tier: 'front' } },
  spec: { nodeName, containers: [{ name: 'c', ports }] },
});

describe('pods of a Deployment', () => {
  it('are always called the same, so that creating them twice makes no more of them', () => {
    expect(podNames(deployment(3))).toEqual(podNames(deployment(3)));
    expect(new Set(podNames(deployment(50))).size).toBe(50);
    expect(podNames(deployment(2))).toEqual(podNames(deployment(3)).slice(0, 2));
  });

  it('have other names after the template changed', () => {
    expect(podNames(deployment(1, 'httpd'))).not.toEqual(podNames(deployment(1)));
  });

  it('carry the labels of the template and their owner', () => {
    const made = podOf(deployment(1), 'web-1', 'n2');
    expect(made.metadata.labels).toEqual({ app: 'web' });
    expect(made.spec.nodeName).toBe('n2');
    expect(ownerName(made)).toBe('web');
    expect(ownerName(pod('alone', 'n1'))).toBeUndefined();
  });
});

describe('placing a pod', () => {
  it('spreads the pods of one owner, then evens out the load', () => {
    const own = (name: string, node: string): Pod => podOf(deployment(1), name, node);
    expect(chooseNode(['n1', 'n2'], [own('a', 'n1')], 'u1')).toBe('n2');
    expect(chooseNode(['n1', 'n2', 'n3'], [own('a', 'n1'), pod('b', 'n2')], 'u1')).toBe('n3');
    expect(chooseNode(['n2', 'n1'], [], 'u1')).toBe('n1');
    expect(chooseNode([], [], 'u1')).toBeUndefined();
  });

  it('gives addresses that no other pod has, until there are none', () => {
    expect(freePodIp('10.88.11.0/24', new Set())).toBe('10.88.11.2');
    expect(freePodIp('10.88.11.0/24', new Set(['10.88.11.2', '10.88.11.3']))).toBe('10.88.11.4');
    const all = new Set(Array.from({ length: 256 }, (_, i) => `10.88.11.${i}`));
    expect(freePodIp('10.88.11.0/24', all)).toBeUndefined();
  });
});

describe('ports', () => {
  it('default to 80 when a pod declares none', () => {
    expect(listeningPorts(pod('a', 'n1'))).toEqual([{ port: 80, protocol: 'TCP' }]);
    expect(listeningPorts(pod('a', 'n1', [{ containerPort: 53, protocol: 'UDP' }]))).toEqual([
      { port: 53, protocol: 'UDP' },
    ]);
  });

  it('are found by number and by name', () => {
    const web = pod('a', 'n1', [
      { name: 'http', containerPort: 8080 },
      { name: 'dns', containerPort: 5353, protocol: 'UDP' },
    ]);
    expect(targetPortIn(web, { port: 80 })).toBe(80);
    expect(targetPortIn(web, { port: 80, targetPort: 8080 })).toBe(8080);
    expect(targetPortIn(web, { port: 80, targetPort: 'http' })).toBe(8080);
    expect(targetPortIn(web, { port: 53, targetPort: 'dns', protocol: 'UDP' })).toBe(5353);
    expect(targetPortIn(web, { port: 53, targetPort: 'dns' })).toBeUndefined();
  });
});

describe('a selector', () => {
  it('wants every label, and nothing when it is empty', () => {
    expect(selects({ app: 'web' }, pod('a', 'n1'))).toBe(true);
    expect(selects({ app: 'web', tier: 'back' }, pod('a', 'n1'))).toBe(false);
    expect(selects({}, pod('a', 'n1'))).toBe(false);
    expect(selects(undefined, pod('a', 'n1'))).toBe(false);
  });
});

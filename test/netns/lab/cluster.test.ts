import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Cluster } from '../../../src/kube/client.ts';
import { runningDaemons } from '../../../src/lab/daemons.ts';
import { powerOff, powerOn } from '../../../src/lab/faults.ts';
import { mustOnHost, runOnHost } from '../../../src/lab/hosts.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { labPaths } from '../../../src/lab/layout.ts';
import { killHard } from '../../../src/lab/process.ts';
import { leftovers, testLabId } from '../../support/lab.ts';
import { eventually } from '../../support/netns.ts';

const id = testLabId('cluster');
const paths = labPaths(id);
/** Stands on n1 in these tests; no agent runs. */
const VIP = '10.77.0.200';
const VIP6 = '2001:db8:77::200';

describe('the cluster of the lab', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    await labUp(id, { agents: false, nodeGraceMs: 500 });
    cluster = connect({ env: { KUBECONFIG: paths.adminKubeconfig }, userAgent: 'kubevip-test' });
    await cluster.resource('Deployment').create({
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              {
                name: 'web',
                image: 'web',
                ports: [
                  { name: 'http', containerPort: 8080 },
                  { name: 'echo', containerPort: 7, protocol: 'UDP' },
                ],
              },
            ],
          },
        },
      },
    });
    await cluster.resource('Service').create({
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'web' },
        ports: [
          { name: 'http', port: 80, targetPort: 'http' },
          { name: 'echo', port: 7, targetPort: 'echo', protocol: 'UDP' },
        ],
      },
    });
    await ingress(VIP);
    await mustOnHost(paths, 'n1', ['ip', 'addr', 'add', `${VIP}/32`, 'dev', 'eth0']);
  });
  afterAll(async () => {
    cluster.close();
    await labDown(id);
    expect(leftovers(id)).toEqual([]);
  });

  const pods = async () => (await cluster.resource('Pod').list({ namespace: 'default' })).items;
  const endpoints = async () =>
    (await cluster.resource('EndpointSlice').list({ labelSelector: 'kubernetes.io/service-name=web' })).items
      .flatMap((slice) => slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true)
      .map(({ nodeName }) => nodeName ?? '')
      .sort();
  const ready = async (nodes: string[]) =>
    await eventually(`endpoints on ${nodes.join(', ')}`, async () => (await endpoints()).join() === nodes.join());
  const ingress = async (...ips: string[]) =>
    await cluster
      .resource('Service')
      .patch(
        { name: 'web', namespace: 'default' },
        { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } },
        { type: 'merge', subresource: 'status' },
      );
  const policy = async (externalTrafficPolicy: string) =>
    await cluster.resource('Service').patch({ name: 'web' }, { spec: { externalTrafficPolicy } }, { type: 'merge' });
  const curl = async (host: string, url: string) => await runOnHost(paths, host, ['curl', '-sS', '-m', '2', url]);
  /** The nodes whose pods answer `count` requests. */
  const answering = async (host: string, url: string, count = 20): Promise<string[]> => {
    // Every request on a connection of its own: one connection stays with one pod.
    const request = ['curl', '-sS', '-m', '2', '-H', 'Connection: close', ...Array<string>(count).fill(url)];
    const { stdout } = await runOnHost(paths, host, request);
    return [...new Set([...stdout.matchAll(/ on (n\d)/g)].map(([, node = '']) => node))].sort();
  };

  it('has its nodes, and runs pods on all of them', async () => {
    const nodes = await cluster.resource('Node').list();
    expect(nodes.items.map(({ metadata }) => metadata.name).sort()).toEqual(['n1', 'n2', 'n3']);
    await ready(['n1', 'n2', 'n3']);
    const running = await pods();
    expect(new Set(running.map(({ status }) => status?.podIP)).size).toBe(3);
    for (const { status } of running) {
      expect((await curl('n1', `http://${status?.podIP ?? ''}:8080/`)).stdout).toMatch(/^hello from web-/);
    }
    const status = async () => (await cluster.resource('Deployment').get({ name: 'web' })).status;
    await eventually('the Deployment says so', async () => (await status())?.readyReplicas === 3);
  });

  it('balances the ingress address over all pods, from outside and from nodes', async () => {
    await eventually('every pod answers', async () => (await answering('laptop', `http://${VIP}/`)).length === 3);
    expect(await answering('n3', `http://${VIP}/`)).toEqual(['n1', 'n2', 'n3']);
    const { spec } = await cluster.resource('Service').get({ name: 'web' });
    expect(await answering('n2', `http://${spec.clusterIP ?? ''}/`)).toEqual(['n1', 'n2', 'n3']);
    const udp = `echo hi | socat -t 1 - UDP:${VIP}:7`;
    expect((await runOnHost(paths, 'laptop', ['sh', '-c', udp])).stdout).toMatch(/hello from web-.*\nhi/);
  });

  it('keeps the client’s address with policy Local, and stays on the node', async () => {
    await policy('Local');
    await eventually('only n1', async () => (await answering('laptop', `http://${VIP}/`)).join() === 'n1');
    expect((await curl('laptop', `http://${VIP}/client`)).stdout).toBe('10.77.0.50\n');
    await policy('Cluster');
    await eventually('all again', async () => (await answering('laptop', `http://${VIP}/`)).length === 3);
  });

  it('follows a change of the ingress at once', async () => {
    const answers = async (): Promise<boolean> => (await curl('laptop', `http://${VIP}/`)).code === 0;
    await ingress();
    await eventually('nobody answers', async () => !(await answers()));
    await ingress(VIP);
    const started = performance.now();
    await eventually('it answers', answers);
    // On a quiet machine some 50 ms, most of it curl; the bound is for a busy one.
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('serves a dual-stack Service by IPv6 too: addresses, endpoints and policy of that family', async () => {
    for (const { status } of await pods()) {
      const [, ip6] = status?.podIPs?.map(({ ip }) => ip) ?? [];
      expect((await curl('n1', `http://[${ip6}]:8080/`)).stdout).toMatch(/^hello from web-/);
    }
    const dual = { name: 'dual', namespace: 'default' };
    await cluster.resource('Service').create({
      metadata: dual,
      spec: {
        type: 'LoadBalancer',
        ipFamilyPolicy: 'RequireDualStack',
        selector: { app: 'web' },
        ports: [
          { name: 'http', port: 80, targetPort: 'http' },
          { name: 'echo', port: 7, targetPort: 'echo', protocol: 'UDP' },
        ],
      },
    });
    await mustOnHost(paths, 'n1', ['ip', 'addr', 'add', `${VIP6}/128`, 'dev', 'eth0', 'nodad']);
    const status = { loadBalancer: { ingress: [{ ip: VIP6 }] } };
    await cluster.resource('Service').patch(dual, { status }, { type: 'merge', subresource: 'status' });
    const every = async (host: string, address: string): Promise<boolean> =>
      (await answering(host, `http://[${address}]/`)).join() === 'n1,n2,n3';
    await eventually('every pod answers the laptop', () => every('laptop', VIP6));
    const { spec } = await cluster.resource('Service').get(dual);
    await eventually('every pod answers a node', () => every('n2', spec.clusterIPs?.[1] ?? ''));
    const udp = `echo hi | socat -t 1 - UDP6:[${VIP6}]:7`;
    expect((await runOnHost(paths, 'laptop', ['sh', '-c', udp])).stdout).toMatch(/hello from web-.*\nhi/);
    const slices = await cluster.resource('EndpointSlice').list({ labelSelector: 'kubernetes.io/service-name=dual' });
    expect(slices.items.map(({ addressType, endpoints: all }) => [addressType, all?.length]).sort()).toEqual([
      ['IPv4', 3],
      ['IPv6', 3],
    ]);
    await cluster.resource('Service').patch(dual, { spec: { externalTrafficPolicy: 'Local' } }, { type: 'merge' });
    await eventually('only n1', async () => (await answering('laptop', `http://[${VIP6}]/`)).join() === 'n1');
    expect((await curl('laptop', `http://[${VIP6}]/client`)).stdout).toBe('2001:db8:77::50\n');
    await cluster.resource('Service').delete(dual);
    const rules = async () => await mustOnHost(paths, 'n1', ['nft', 'list', 'table', 'ip6', 'kube-proxy']);
    await eventually('no rules', async () => !(await rules()).includes(VIP6));
  });

  it('replaces a deleted pod, and scales up and down', async () => {
    const [victim] = await pods();
    if (victim === undefined) throw new Error('no pods');
    await cluster.resource('Pod').delete(victim.metadata);
    await eventually('another one', async () =>
      (await pods()).every(({ metadata }) => metadata.uid !== victim.metadata.uid),
    );
    await ready(['n1', 'n2', 'n3']);
    const scale = async (replicas: number) =>
      await cluster.resource('Deployment').patch({ name: 'web' }, { spec: { replicas } }, { type: 'merge' });
    await scale(5);
    await eventually('five endpoints', async () => (await endpoints()).length === 5);
    await scale(3);
    await eventually('three pods', async () => (await pods()).length === 3);
    await eventually('three endpoints', async () => (await endpoints()).length === 3);
  });

  it('runs a pod of its own', async () => {
    const pod = {
      metadata: { name: 'alone', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'c' }] },
    };
    await cluster.resource('Pod').create(pod);
    const running = async () => {
      const found = await cluster.resource('Pod').find({ name: 'alone' });
      return found?.status?.phase === 'Running' ? found.status.podIP : undefined;
    };
    const address = await eventually('it runs', running);
    expect((await curl('n1', `http://${address}/`)).stdout).toMatch(/^hello from alone on n\d/);
    await cluster.resource('Pod').delete({ name: 'alone' });
  });

  it('takes out the endpoints of a node that lost its power, and puts them back', async () => {
    const before = await endpoints();
    await powerOff(id, 'n2');
    await ready(before.filter((node) => node !== 'n2'));
    const node = async () => (await cluster.resource('Node').get({ name: 'n2' })).status?.conditions?.[0]?.status;
    expect(await node()).toBe('Unknown');
    expect(await answering('laptop', `http://${VIP}/`)).not.toContain('n2');
    await powerOn(id, 'n2');
    await ready(before);
    expect(await node()).toBe('True');
  });

  it('goes on after the API server or the workloads were killed', async () => {
    for (const daemon of ['workloads', 'api']) {
      const running = runningDaemons(paths).get(daemon);
      if (running === undefined) throw new Error(`${daemon} does not run`);
      killHard(running);
      await labUp(id);
      await eventually('pods serve', async () => (await answering('laptop', `http://${VIP}/`)).length === 3);
      await eventually('three endpoints', async () => (await endpoints()).length === 3);
    }
  });

  it('leaves no pods, endpoints or rules of what is deleted', async () => {
    await cluster.resource('Service').delete({ name: 'web' });
    await cluster.resource('Deployment').delete({ name: 'web' });
    await eventually('no pods', async () => (await pods()).length === 0);
    await eventually('no endpoints', async () => (await endpoints()).length === 0);
    const rules = async () => await mustOnHost(paths, 'n1', ['nft', 'list', 'table', 'ip', 'kube-proxy']);
    await eventually('no rules', async () => !(await rules()).includes(VIP));
    await eventually('no addresses', async () => !/10\.88\.|fd88:/.test(await mustOnHost(paths, 'n1', ['ip', 'addr'])));
  });
});

import { describe, expect, it } from 'vitest';
import { at, listAt, textAt } from './client.ts';
import { MERGE, service, SERVICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

const sticky = (timeoutSeconds: number) => ({
  sessionAffinity: 'ClientIP',
  sessionAffinityConfig: { clientIP: { timeoutSeconds } },
});

againstEachServer('services', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  const make = async (name: string, spec: Record<string, unknown> = {}) =>
    await call('POST', SERVICES, service(name, spec));

  describe('defaults', () => {
    it('of a plain one', async () => {
      const { body } = await make('d-plain');
      const ip = textAt(body, 'spec.clusterIP');
      expect(ip).toMatch(/^10\.96\.\d+\.\d+$/);
      expect(at(body, 'spec')).toEqual({
        type: 'ClusterIP',
        clusterIP: ip,
        clusterIPs: [ip],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        internalTrafficPolicy: 'Cluster',
        sessionAffinity: 'None',
        selector: { app: 'd-plain' },
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      });
      expect(at(body, 'status')).toEqual({ loadBalancer: {} });
    });

    it('of a load balancer', async () => {
      const { body } = await make('d-lb', { type: 'LoadBalancer' });
      expect(at(body, 'spec')).toMatchObject({ allocateLoadBalancerNodePorts: true, externalTrafficPolicy: 'Cluster' });
      expect(at(body, 'spec.ports.0.nodePort')).toSatisfy((port) => Number(port) >= 30_000 && Number(port) <= 32_767);
      expect(at(body, 'spec.healthCheckNodePort')).toBeUndefined();
    });

    it('of a load balancer that wants local endpoints, and one without node ports', async () => {
      const local = await make('d-local', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
      expect(at(local.body, 'spec.healthCheckNodePort')).toBeTypeOf('number');
      const bare = await make('d-bare', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false });
      expect(at(bare.body, 'spec.ports.0.nodePort')).toBeUndefined();
    });

    it('of a headless one, an external name and one with session affinity', async () => {
      const headless = await make('d-headless', { clusterIP: 'None' });
      expect(at(headless.body, 'spec')).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
      const external = await make('d-external', {
        type: 'ExternalName',
        externalName: 'db.example.com',
        ports: undefined,
      });
      expect(at(external.body, 'spec.clusterIP')).toBeUndefined();
      const sticky = await make('d-sticky', { sessionAffinity: 'ClientIP' });
      expect(at(sticky.body, 'spec.sessionAffinityConfig')).toEqual({ clientIP: { timeoutSeconds: 10_800 } });
    });

    it('keeps loadBalancerIP and class as they are given', async () => {
      const { body } = await make('d-given', {
        type: 'LoadBalancer',
        loadBalancerIP: '0.0.0.0',
        loadBalancerClass: 'kube-vip.io/kube-vip-class',
      });
      expect(at(body, 'spec')).toMatchObject({
        loadBalancerIP: '0.0.0.0',
        loadBalancerClass: 'kube-vip.io/kube-vip-class',
      });
    });
  });

  describe('addresses and ports', () => {
    it('are never given twice', async () => {
      const made = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => await make(`a-${i}`, { type: 'NodePort' })),
      );
      expect(new Set(made.map(({ body }) => at(body, 'spec.clusterIP'))).size).toBe(20);
      expect(new Set(made.map(({ body }) => at(body, 'spec.ports.0.nodePort'))).size).toBe(20);
    });

    // From the lowest ones, which nobody else is given by chance.
    it('can be asked for, if free and in range', async () => {
      const { body } = await make('a-asked', {
        clusterIP: '10.96.0.77',
        type: 'NodePort',
        ports: [{ port: 80, nodePort: 30_017 }],
      });
      expect([at(body, 'spec.clusterIP'), at(body, 'spec.ports.0.nodePort')]).toEqual(['10.96.0.77', 30_017]);
      const taken = await make('a-taken', { clusterIP: '10.96.0.77' });
      expect([taken.code, at(taken.body, 'details.causes.0.field')]).toEqual([422, 'spec.clusterIPs']);
      expect(textAt(taken.body, 'message')).toContain('provided IP is already allocated');
      const port = await make('a-port', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_017 }] });
      expect(textAt(port.body, 'message')).toContain('provided port is already allocated');
      expect((await make('a-outside', { clusterIP: '192.0.2.1' })).code).toBe(422);
      const low = await make('a-low', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] });
      expect(textAt(low.body, 'message')).toContain('The range of valid ports is 30000-32767');
    });

    it('stay when the manifest is sent again without them', async () => {
      const { body } = await make('a-stay', { type: 'LoadBalancer' });
      const again = await call('PUT', `${SERVICES}/a-stay`, service('a-stay', { type: 'LoadBalancer' }));
      for (const path of ['spec.clusterIP', 'spec.ports.0.nodePort']) expect(at(again.body, path)).toBe(at(body, path));
    });

    it('of a node stay with the name of their port', async () => {
      const { body } = await make('a-named', {
        type: 'LoadBalancer',
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'b' },
        ],
      });
      const changed = {
        spec: {
          ports: [
            { port: 91, name: 'b' },
            { port: 90, name: 'a' },
          ],
        },
      };
      const again = await call('PATCH', `${SERVICES}/a-named`, changed, MERGE);
      expect(at(again.body, 'spec.ports.0.nodePort')).toBe(at(body, 'spec.ports.1.nodePort'));
      expect(at(again.body, 'spec.ports.1.nodePort')).toBe(at(body, 'spec.ports.0.nodePort'));
    });

    it('of a node are one number for all protocols of a port, and of nobody else', async () => {
      const dns = (tcp: object, udp: object, other = 53) => ({
        type: 'NodePort',
        ports: [
          { name: 'tcp', port: 53, ...tcp },
          { name: 'udp', port: other, protocol: 'UDP', ...udp },
        ],
      });
      const numbers = (body: unknown) => listAt(body, 'spec.ports').map((port) => at(port, 'nodePort'));
      const [tcp, udp] = numbers((await make('a-dns', dns({}, {}))).body);
      expect(tcp).toBeTypeOf('number');
      expect(udp).toBe(tcp);
      expect(numbers((await make('a-dns-2', dns({}, { nodePort: 30_031 }))).body)).toEqual([30_031, 30_031]);
      const both = dns({ nodePort: 30_032 }, { nodePort: 30_033 });
      expect(numbers((await make('a-dns-3', both)).body)).toEqual([30_032, 30_033]);
      const taken = 'provided port is already allocated';
      const udpOfAnother = { type: 'NodePort', ports: [{ port: 53, protocol: 'UDP', nodePort: 30_032 }] };
      expect(textAt((await make('a-dns-4', udpOfAnother)).body, 'message')).toContain(taken);
      const otherPort = dns({ nodePort: 30_034 }, { nodePort: 30_034 }, 54);
      expect(textAt((await make('a-dns-5', otherPort)).body, 'message')).toContain(taken);
    });

    it('of a node that are not asked for again are new when the port has a new name', async () => {
      const named = (name: string) => ({ type: 'NodePort', ports: [{ port: 80, name }] });
      const { body } = await make('a-renamed', named('a'));
      const again = await call('PUT', `${SERVICES}/a-renamed`, service('a-renamed', named('b')));
      expect(at(again.body, 'spec.ports.0.nodePort')).not.toBe(at(body, 'spec.ports.0.nodePort'));
    });

    it('for the health check are of the same numbers, and refused as a failure of the server', async () => {
      await make('a-health', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_041 }] });
      const local = (healthCheckNodePort: number) => ({
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort,
      });
      const { code, body } = await make('a-health-2', local(30_041));
      expect([code, at(body, 'reason')]).toEqual([500, 'InternalError']);
      expect(textAt(body, 'message')).toBe(
        'Internal error occurred: failed to allocate requested HealthCheck NodePort 30041: provided port is already allocated',
      );
      await make('a-health-3', local(30_042));
      const port = await make('a-health-4', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_042 }] });
      expect(port.code).toBe(422);
    });

    it('are free again after the Service', async () => {
      await make('a-freed', { clusterIP: '10.96.88.88' });
      await call('DELETE', `${SERVICES}/a-freed`);
      expect((await make('a-freed-2', { clusterIP: '10.96.88.88' })).code).toBe(201);
    });
  });

  describe('changes', () => {
    it('of the cluster address are refused', async () => {
      await make('c-address');
      const put = await call('PUT', `${SERVICES}/c-address`, service('c-address', { clusterIP: '10.96.99.99' }));
      expect([put.code, at(put.body, 'details.causes.0.field')]).toEqual([422, 'spec.clusterIPs[0]']);
      expect(textAt(put.body, 'message')).toContain('may not change once set');
    });

    it('of the type take along what the new type has no use for', async () => {
      await make('c-type', { type: 'LoadBalancer' });
      const path = `${SERVICES}/c-type`;
      await call('PATCH', `${path}/status`, { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } }, MERGE);
      const { body } = await call('PUT', path, service('c-type', { type: 'ClusterIP' }));
      expect(at(body, 'status')).toEqual({ loadBalancer: {} });
      for (const gone of ['ports.0.nodePort', 'allocateLoadBalancerNodePorts', 'externalTrafficPolicy']) {
        expect(at(body, `spec.${gone}`), gone).toBeUndefined();
      }
    });

    it('of the class are refused', async () => {
      await make('c-class', { type: 'LoadBalancer', loadBalancerClass: 'a.b/c' });
      const { code } = await call('PATCH', `${SERVICES}/c-class`, { spec: { loadBalancerClass: 'd.e/f' } }, MERGE);
      expect(code).toBe(422);
    });

    it('to a local policy and back give and take the health check port', async () => {
      await make('c-policy', { type: 'LoadBalancer' });
      const path = `${SERVICES}/c-policy`;
      const local = await call('PATCH', path, { spec: { externalTrafficPolicy: 'Local' } }, MERGE);
      expect(at(local.body, 'spec.healthCheckNodePort')).toBeTypeOf('number');
      const back = await call('PATCH', path, { spec: { externalTrafficPolicy: 'Cluster' } }, MERGE);
      expect([back.code, at(back.body, 'spec.healthCheckNodePort')]).toEqual([200, undefined]);
    });

    it('by PUT of a name that is not there make it', async () => {
      expect((await call('PUT', `${SERVICES}/c-new`, service('c-new'))).code).toBe(201);
    });
  });

  describe('refusals', () => {
    it.each<[string, Record<string, unknown>, string]>([
      ['port 0', { ports: [{ port: 0 }] }, 'spec.ports[0].port'],
      ['a port too high', { ports: [{ port: 70_000 }] }, 'spec.ports[0].port'],
      ['no ports', { ports: [] }, 'spec.ports'],
      ['ports without names', { ports: [{ port: 80 }, { port: 81 }] }, 'spec.ports[0].name'],
      [
        'a port twice',
        {
          ports: [
            { port: 80, name: 'a' },
            { port: 80, name: 'b' },
          ],
        },
        'spec.ports[1]',
      ],
      [
        'a name twice',
        {
          ports: [
            { port: 80, name: 'a' },
            { port: 81, name: 'a' },
          ],
        },
        'spec.ports[1].name',
      ],
      ['a protocol', { ports: [{ port: 80, protocol: 'XTP' }] }, 'spec.ports[0].protocol'],
      ['a target', { ports: [{ port: 80, targetPort: 'not_a_name' }] }, 'spec.ports[0].targetPort'],
      ['a type', { type: 'Nope' }, 'spec.type'],
      ['a policy without an outside', { externalTrafficPolicy: 'Local' }, 'spec.externalTrafficPolicy'],
      ['an unknown policy', { type: 'LoadBalancer', externalTrafficPolicy: 'Nope' }, 'spec.externalTrafficPolicy'],
      ['a class without a load balancer', { loadBalancerClass: 'a.b/c' }, 'spec.loadBalancerClass'],
      ['a class that is no name', { type: 'LoadBalancer', loadBalancerClass: 'a b' }, 'spec.loadBalancerClass'],
      [
        'a source range',
        { type: 'LoadBalancer', loadBalancerSourceRanges: ['1.2.3.4'] },
        'spec.LoadBalancerSourceRanges[0]',
      ],
      [
        'a source range with more bits than its prefix',
        { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '10.0.0.1/8'] },
        'spec.LoadBalancerSourceRanges[1]',
      ],
      ['an affinity of no time', sticky(0), 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'],
      ['an affinity of two days', sticky(172_800), 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'],
      ['a distribution', { trafficDistribution: 'Nope' }, 'spec.trafficDistribution'],
      ['a headless node port', { type: 'NodePort', clusterIP: 'None' }, 'spec.clusterIPs[0]'],
      ['a headless load balancer', { type: 'LoadBalancer', clusterIP: 'None' }, 'spec.clusterIPs[0]'],
      ['a node port of a ClusterIP', { ports: [{ port: 80, nodePort: 30_999 }] }, 'spec.ports[0].nodePort'],
      ['an external address', { externalIPs: ['127.0.0.1'] }, 'spec.externalIPs[0]'],
      ['an external address of the link', { externalIPs: ['2001:db8::1', 'fe80::1'] }, 'spec.externalIPs[1]'],
      ['an external address with zeros', { externalIPs: ['239.1.1.1', '192.0.2.010'] }, 'spec.externalIPs[1]'],
      ['a selector', { selector: { 'a b': 'c' } }, 'spec.selector'],
    ])('%s', async (_what, spec, field) => {
      const { code, body } = await make('refused', spec);
      expect([code, at(body, 'reason'), at(body, 'details.kind'), at(body, 'details.causes.0.field')]).toEqual([
        422,
        'Invalid',
        'Service',
        field,
      ]);
      expect(textAt(body, 'message')).toContain('Service "refused" is invalid: ');
      expect((await call('GET', `${SERVICES}/refused`)).code).toBe(404);
    });

    it('a name that is no DNS label', async () => {
      for (const name of ['Web', 'a.b', 'a_b', '-a', 'x'.repeat(64)]) {
        const { code, body } = await make(name);
        expect([code, at(body, 'details.causes.0.field')], name).toEqual([422, 'metadata.name']);
      }
    });
  });

  describe('the status', () => {
    it('holds an ingress of a load balancer only, and valid addresses', async () => {
      await make('s-plain');
      const status = (ingress: unknown) => ({ status: { loadBalancer: { ingress } } });
      const plain = await call('PATCH', `${SERVICES}/s-plain/status`, status([{ ip: '1.2.3.4' }]), MERGE);
      expect([plain.code, at(plain.body, 'details.causes.0.field')]).toEqual([422, 'status.loadBalancer.ingress']);
      await make('s-lb', { type: 'LoadBalancer' });
      const path = `${SERVICES}/s-lb/status`;
      const wrong = await call(
        'PATCH',
        path,
        status([
          { ip: 'x' },
          { hostname: 'h', ipMode: 'VIP' },
          { ip: '1.2.3.4', ipMode: 'Nope' },
          { ip: '::ffff:1.2.3.4' },
          { ip: '192.0.2.010' },
        ]),
        MERGE,
      );
      expect(listAt(wrong.body, 'details.causes').map((cause) => at(cause, 'field'))).toEqual([
        'status.loadBalancer.ingress[0].ip',
        'status.loadBalancer.ingress[1].ipMode',
        'status.loadBalancer.ingress[2].ipMode',
        'status.loadBalancer.ingress[3].ip',
        'status.loadBalancer.ingress[4].ip',
      ]);
      const { body } = await call(
        'PATCH',
        path,
        status([{ ip: '1.2.3.4' }, { ip: '2001:db8::1', ipMode: 'Proxy' }]),
        MERGE,
      );
      expect(at(body, 'status.loadBalancer.ingress')).toEqual([
        { ip: '1.2.3.4', ipMode: 'VIP' },
        { ip: '2001:db8::1', ipMode: 'Proxy' },
      ]);
    });
  });

  it('has the one of the API server itself', async () => {
    const { body } = await call('GET', `${SERVICES}/kubernetes`);
    expect(at(body, 'spec')).toMatchObject({ clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] });
  });
});

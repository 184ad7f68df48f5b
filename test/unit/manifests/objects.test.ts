import { describe, expect, it } from 'vitest';
import { controlPlaneDaemonSet } from '../../../src/manifests/control-plane-daemon-set.ts';
import { servicesDaemonSet } from '../../../src/manifests/daemon-set.ts';
import { poolsConfigMap } from '../../../src/manifests/pools.ts';
import { controlPlaneRbac, servicesRbac } from '../../../src/manifests/rbac.ts';
import { staticPod } from '../../../src/manifests/static-pod.ts';

const envOf = (
  container: { readonly env: readonly { readonly name: string; readonly value?: string }[] } | undefined,
) => Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));

describe('the static pod', () => {
  const pod = staticPod({ address: '192.168.1.10', interface: 'eth0' });
  const [container] = pod.spec.containers;

  it('holds the control plane’s address and serves no Services', () => {
    expect(envOf(container)).toMatchObject({
      address: '192.168.1.10',
      cp_enable: 'true',
      svc_enable: 'false',
      vip_interface: 'eth0',
      vip_leasename: 'plndr-cp-lock',
      port: '6443',
    });
  });

  it('tells routers of the address where it is to, from every node that serves it', () => {
    const peers = ['192.168.1.1:65001', '[fd00::1]:65001'];
    const env = envOf(staticPod({ address: '10.9.0.1', bgp: { as: 65000, peers } }).spec.containers[0]);
    expect(env).toMatchObject({
      bgp_enable: 'true',
      bgp_as: '65000',
      bgp_peers: peers.join(),
      vip_leaderelection: 'false',
    });
    expect(env).not.toHaveProperty('vip_arp');
  });

  it('speaks for Services, too, where a router takes one session from a node', () => {
    const bgp = { as: 65000, peers: ['192.168.1.1:65001'] };
    const [agent] = staticPod({ address: '10.9.0.1', bgp, services: { excludeLabel: 'honor' } }).spec.containers;
    expect(envOf(agent)).toMatchObject({ cp_enable: 'true', svc_enable: 'true', honor_exclude_label: 'true' });
    // A pod of the DaemonSet may still have the other one, and kubelet would refuse this pod for good.
    expect(agent?.ports?.map(({ hostPort }) => hostPort)).toEqual([10_472]);
    const { spec } = servicesDaemonSet({ bgp }).spec.template;
    expect(envOf(spec.containers[0])).toMatchObject({ bgp_enable: 'true', bgp_peers: '192.168.1.1:65001' });
    expect(spec.affinity?.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms).toEqual([
      { matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'DoesNotExist' }] },
    ]);
    const group = { kind: 'Group', name: 'kubevip:control-plane', apiGroup: 'rbac.authorization.k8s.io' };
    const bindings = servicesRbac({ bgp: true, onControlPlanes: true }).filter((one) => 'subjects' in one);
    expect(bindings).toHaveLength(2);
    for (const { subjects } of bindings) expect(subjects).toContainEqual(group);
    for (const one of servicesRbac({ bgp: true })) expect(JSON.stringify(one)).not.toContain('kubevip:control-plane');
  });

  it('may read peers and their passwords by BGP alone', () => {
    const rules = (bgp: boolean): string =>
      JSON.stringify(controlPlaneRbac({ bgp }).flatMap((one) => ('rules' in one ? one.rules : [])));
    expect(rules(true)).toMatch(/configmaps.*kubevip-bgp/);
    expect(rules(false)).not.toMatch(/configmaps|kubevip-bgp/);
  });

  it('sees one folder of the node, where it cannot write, and its own, which it makes', () => {
    expect(pod.spec.volumes).toEqual([
      { name: 'kubevip', hostPath: { path: '/etc/kubernetes/kubevip', type: 'Directory' } },
      { name: 'state', hostPath: { path: '/var/lib/kubevip/agent', type: 'DirectoryOrCreate' } },
    ]);
    expect(container?.volumeMounts).toEqual([
      { name: 'kubevip', mountPath: '/etc/kubernetes/kubevip', readOnly: true },
      { name: 'state', mountPath: '/var/lib/kubevip/agent' },
    ]);
    expect(envOf(container)['kubevip_state_dir']).toBe('/var/lib/kubevip/agent');
    expect(envOf(container)['k8s_config_file']).toBe('/etc/kubernetes/kubevip/agent.conf');
  });

  it('leaves nothing on a node as a DaemonSet', () => {
    for (const set of [servicesDaemonSet(), controlPlaneDaemonSet({ address: '192.168.1.10' })]) {
      expect(set.spec.template.spec.volumes).toEqual([{ name: 'state', emptyDir: {} }]);
      expect(set.spec.template.spec.containers[0]?.volumeMounts).toContainEqual({
        name: 'state',
        mountPath: '/var/lib/kubevip/agent',
      });
    }
  });

  it('has another port for its health than the agent of Services beside it', () => {
    const services = servicesDaemonSet().spec.template.spec.containers[0];
    expect(container?.livenessProbe?.httpGet.port).not.toBe(services?.livenessProbe?.httpGet.port);
    expect(container?.ports).not.toEqual(services?.ports);
    expect(envOf(container)['prometheus_server']).not.toBe(envOf(services)['prometheus_server']);
  });
});

describe('pools', () => {
  it.each([
    ['192.168.1.200-192.168.1.209', { 'range-global': '192.168.1.200-192.168.1.209' }],
    ['192.168.1.128/27, fd00::/120', { 'cidr-global': '192.168.1.128/27,fd00::/120' }],
    ['192.168.1.128/27,192.168.1.5', { 'cidr-global': '192.168.1.128/27,192.168.1.5/32' }],
    ['192.168.1.5', { 'range-global': '192.168.1.5-192.168.1.5' }],
    ['dhcp', { 'cidr-global': '0.0.0.0/32' }],
  ])('%s', (text, data) => {
    expect(poolsConfigMap({ global: text }).data).toEqual(data);
  });

  it.each([['192.168.1.300/24'], ['192.168.1.9-192.168.1.5'], [''], ['192.168.1.0/24,10.0.0.1-10.0.0.9']])(
    'refuses %o',
    (text) => {
      expect(() => poolsConfigMap({ shop: text })).toThrow(/pool shop: .* is not a (prefix|range) like/);
    },
  );
});

describe('what the agents may do', () => {
  it('is one Secret to be read, no wildcard, and for the control plane beyond its namespaces only the nodes', () => {
    const rules = [...servicesRbac(), ...controlPlaneRbac()].flatMap((object) =>
      'rules' in object ? object.rules : [],
    );
    for (const { resources, verbs, apiGroups } of rules) {
      expect([...resources, ...verbs, ...apiGroups]).not.toContain('*');
    }
    for (const rule of rules.filter(({ resources }) => resources.includes('secrets'))) {
      const byName = rule.resourceNames?.join() === 'kubevip-heartbeat';
      expect(rule.verbs).toEqual(byName ? ['get', 'list', 'watch'] : ['create']);
    }
    const withBgp = servicesRbac({ bgp: true }).flatMap((object) => ('rules' in object ? object.rules : []));
    expect(
      withBgp.filter(({ resources }) => resources.includes('secrets')).flatMap((rule) => rule.resourceNames ?? []),
    ).toEqual(['kubevip-heartbeat', 'kubevip-bgp']);
    const withTunnels = controlPlaneRbac({ wireguard: true }).flatMap((one) => ('rules' in one ? one.rules : []));
    expect(withTunnels).toContainEqual({
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: ['wireguard'],
      verbs: ['get', 'list', 'watch'],
    });
    const kinds = ['Role', 'RoleBinding', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];
    expect(controlPlaneRbac().map(({ kind }) => kind)).toEqual(kinds);
    expect(controlPlaneRbac().find(({ kind }) => kind === 'ClusterRole')).toMatchObject({
      rules: [{ resources: ['nodes'], verbs: ['get', 'list', 'watch'] }],
    });
  });
});

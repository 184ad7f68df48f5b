import { describe, expect, it } from 'vitest';
import { nodesWithReadyEndpoints } from '../../../src/agent/endpoints.ts';
import { readConfig } from '../../../src/agent/config.ts';
import type { EndpointSlice } from '../../../src/model/kubernetes.ts';

describe('the agent’s environment', () => {
  it('needs nothing', () => {
    expect(readConfig({}, 'Node-1')).toMatchObject({
      node: 'node-1',
      namespace: 'kube-system',
      allocatorLease: 'plndr-svcs-lock',
      lease: { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 },
      listen: { host: '0.0.0.0', port: 2112 },
      routerEnabled: true,
      dhcpSpare: 0,
      dhcp6Spare: 0,
      election: { profile: 'lan', transport: 'auto', ports: { services: 10_471, controlPlane: 10_472 } },
    });
  });

  it('has kube-vip’s names', () => {
    const config = readConfig(
      {
        vip_nodename: 'n1',
        vip_interface: 'eth0',
        vip_servicesinterface: 'eth1',
        svc_namespace: 'shop',
        lb_class_only: 'true',
        enable_upnp: 'false',
        prometheus_server: '',
        vip_leaseduration: '15',
        vip_renewdeadline: '10',
        vip_retryperiod: '2',
        dhcp_spare: '2',
      },
      'x',
    );
    expect(config).toMatchObject({ node: 'n1', link: 'eth1', watchNamespace: 'shop', routerEnabled: false });
    expect(config.rules.classOnly).toBe(true);
    expect(config.dhcpSpare).toBe(2);
    expect(config.listen).toBeUndefined();
    expect(config.lease.duration).toBe(15_000);
  });

  it('renews the one Lease that is left rarely where heartbeats decide, unless it is told how often', () => {
    const times = (env: Record<string, string>) => readConfig(env, 'x').allocatorTimes.retryPeriod;
    expect(times({ kubevip_election: 'lease' })).toBe(1000);
    expect(times({ kubevip_election: 'heartbeat' })).toBe(6000);
    expect(times({ kubevip_election: 'heartbeat', vip_retryperiod: '2' })).toBe(2000);
  });

  it('puts the control plane’s heartbeats on the next port', () => {
    const { election } = readConfig({ kubevip_heartbeat_port: '4000', kubevip_state_dir: '/var/lib/k' }, 'x');
    expect(election).toMatchObject({ ports: { services: 4000, controlPlane: 4001 }, stateDir: '/var/lib/k' });
  });

  it.each([
    [{ kubevip_election: 'raft' }, /kubevip_election/],
    [{ kubevip_heartbeat_port: '80' }, /kubevip_heartbeat_port/],
    [{ enable_upnp: 'maybe' }, /enable_upnp.*maybe/],
    [{ vip_leaseduration: '0' }, /vip_leaseduration/],
    [{ vip_leaseduration: '3', vip_renewdeadline: '3' }, /vip_leaseduration \(3s\) > vip_renewdeadline/],
    [{ prometheus_server: 'nonsense' }, /prometheus_server/],
    [{ dhcp_spare: '-1' }, /dhcp_spare/],
  ])('refuses %o by name', (env, message) => {
    expect(() => readConfig(env, 'x')).toThrow(message);
  });
});

describe('nodes with ready endpoints', () => {
  const slice = (name: string, endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ...(endpoints ? { endpoints } : {}),
  });
  it('are counted over all slices, and only the ready ones', () => {
    const slices = [
      slice('a', [
        { addresses: ['10.0.0.1'], nodeName: 'n1' },
        { addresses: ['10.0.0.2'], nodeName: 'n2', conditions: { ready: false } },
      ]),
      slice('b', [{ addresses: ['10.0.0.3'], nodeName: 'n3', conditions: { ready: true } }]),
      slice('c', undefined),
    ];
    expect(nodesWithReadyEndpoints(slices, 'default/web').sort()).toEqual(['n1', 'n3']);
    expect(nodesWithReadyEndpoints(slices, 'default/other')).toEqual([]);
  });
});

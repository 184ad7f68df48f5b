import { describe, expect, it } from 'vitest';
import { readConfig, SETTINGS } from '../../../src/agent/config.ts';
import { asKubeVipWould, environmentWarnings, OTHERWISE } from '../../../src/agent/kubevip-env.ts';
import type { Setting } from '../../../src/manifests/kube-vip/setting.ts';
import { ROWS } from '../../../src/manifests/kube-vip/table.ts';

const variables = (ROWS as readonly (readonly [string, Setting])[])
  .filter(([, row]) => row.flagOnly !== true)
  .map(([name]) => name);
const ours = Object.entries(SETTINGS.shape)
  .filter(([, setting]) => (setting.meta() as { ours?: true } | undefined)?.ours === true)
  .map(([name]) => name);
const honoured = Object.keys(SETTINGS.shape).filter((name) => !ours.includes(name));

describe('kube-vip’s variables', () => {
  it('are each either a setting of the agent, or spoken of', () => {
    expect([...honoured, ...Object.keys(OTHERWISE)].sort()).toEqual(variables.toSorted());
  });

  it('that ask for what is not supported are named, with the reason', () => {
    expect(
      environmentWarnings({ zebra_enable: 'true', health_check_port: '2113', vip_arp: 'true' }).toSorted(),
    ).toEqual([
      expect.stringMatching(/^health_check_port is not supported: .*prometheus_server/),
      expect.stringMatching(/^zebra_enable is not supported: .*BGP/),
    ]);
    expect(environmentWarnings({ INSTANCE_NAME: 'a' })).toEqual([expect.stringMatching(/^instance_name is not/)]);
  });

  it('that ask for nothing, or for what is so anyway, are not', () => {
    expect(
      environmentWarnings({
        bgp_enable: 'false',
        bgp_as: '65000',
        lb_port: '6443',
        svc_election: 'true',
        vip_preserve_on_leadership_loss: 'true',
        egress_withnftables: 'true',
        EGRESS_CLEAN: 'true',
        dhcp_mode: 'ipv4',
        vip_address: '',
      }),
    ).toEqual([]);
  });

  it('are known by their former names', () => {
    const env = { cp_enable: 'true', address: '10.0.0.9', vip_cidr: '32', enableUPNP: 'false' };
    expect(environmentWarnings(env)).toEqual([
      'vip_cidr is the former name of vip_subnet: write vip_subnet',
      'enableUPNP is the former name of enable_upnp: write enable_upnp',
    ]);
    expect(
      readConfig(
        asKubeVipWould(env, () => false),
        'n1',
      ).routerEnabled,
    ).toBe(false);
    expect(asKubeVipWould({ ...env, enable_upnp: 'true' }, () => false)['enable_upnp']).toBe('true');
  });
});

describe('the kubeconfig of kube-vip’s static pod', () => {
  const file = (env: Record<string, string>, there: boolean): unknown =>
    asKubeVipWould(env, () => there)['k8s_config_file'];

  it('is used where it is mounted and no other is named', () => {
    expect(file({}, true)).toBe('/etc/kubernetes/admin.conf');
    expect(file({}, false)).toBeUndefined();
    expect(file({ k8s_config_file: '/x' }, true)).toBe('/x');
    expect(file({ KUBECONFIG: '/x' }, true)).toBeUndefined();
  });
});

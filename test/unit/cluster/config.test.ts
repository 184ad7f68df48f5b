import { describe, expect, it } from 'vitest';
import {
  controlPlaneEndpoint,
  parseBootstrapConfig,
  vipAddresses,
  type NodeRole,
} from '../../../src/cluster/config.ts';

const parse = (input: unknown, role: NodeRole = 'init') => parseBootstrapConfig(input, role, { name: 'config.yaml' });

describe('the configuration of init and join', () => {
  it('needs nothing but the VIP', () => {
    const config = parse({ controlPlane: { vip: '192.168.1.40' } });
    expect(config).toMatchObject({
      clusterName: 'kubevip',
      controlPlane: { vip: ['192.168.1.40'], port: 6443, workloads: true },
      podSubnet: '10.244.0.0/16',
      services: { enabled: true, pools: {}, dhcp: false, excludeLabel: 'ignore' },
      kubeadm: { ignorePreflightErrors: [], patches: {}, extraSans: [] },
    });
    expect(controlPlaneEndpoint(config)).toBe('192.168.1.40:6443');
  });

  it.each([
    ['one address', 'FD00:0::5', ['fd00::5']],
    ['both families as kube-vip writes them', '10.0.0.5,fd00::5', ['10.0.0.5', 'fd00::5']],
    ['both families as a list', ['10.0.0.5', 'fd00::5'], ['10.0.0.5', 'fd00::5']],
    ['a name', 'API.example.org.', ['api.example.org']],
  ])('takes %s as VIP', (_what, vip, expected) => {
    expect(parse({ controlPlane: { vip } }).controlPlane.vip).toEqual(expected);
  });

  it('reads back what it has written', () => {
    const config = parse({
      controlPlane: { vip: 'fd00::5', interface: 'eth0' },
      podSubnet: 'fd10::/56',
      serviceSubnet: 'fd20::/112',
      kubernetesVersion: '1.34.1',
      services: { pools: { global: 'fd00::10-fd00::20', shop: 'fd00::/124' } },
    });
    expect(parse(JSON.parse(JSON.stringify(config)))).toEqual(config);
    expect(config.kubernetesVersion).toBe('v1.34.1');
    expect(controlPlaneEndpoint(config)).toBe('[fd00::5]:6443');
    expect(vipAddresses(config)).toEqual(['fd00::5']);
  });

  it('takes keys with nothing behind them for absent, but in patches for what is to go', () => {
    const patches = { ClusterConfiguration: { apiServer: null } };
    const config = parse({ controlPlane: { vip: '10.0.0.1', interface: null }, user: null, kubeadm: { patches } });
    expect(config.user).toEqual({});
    expect(config.kubeadm.patches).toEqual(patches);
  });

  it('needs no VIP to join', () => {
    expect(parse({}, 'worker').controlPlane.vip).toEqual([]);
    expect(vipAddresses(parse({ controlPlane: { vip: 'api.home.arpa' } }))).toEqual([]);
  });

  it.each<[string, unknown, RegExp]>([
    ['no VIP', {}, /controlPlane\.vip: is needed/],
    ['a mistyped address', { controlPlane: { vip: '192.168.1.400' } }, /"192\.168\.1\.400" is not an IP address/],
    ['two of one family', { controlPlane: { vip: ['10.0.0.1', '10.0.0.2'] } }, /one of each family/],
    ['a name and an address', { controlPlane: { vip: 'a.example,10.0.0.2' } }, /one of each family/],
    ['a prefix as VIP', { controlPlane: { vip: '10.0.0.1/24' } }, /neither an IP address nor a DNS name/],
    ['a router without an AS', { controlPlane: { vip: '10.0.0.1', bgpPeers: ['10.0.0.1'] } }, /ADDRESS:AS/],
    [
      'a BGP password',
      { controlPlane: { vip: '10.0.0.1', bgpPeers: ['10.0.0.1:65001:geheim'] } },
      /Secret kubevip-bgp/,
    ],
    [
      'a router with an option that there is not',
      { controlPlane: { vip: '10.0.0.1', bgpPeers: ['10.0.0.1:65001:::::quick'] } },
      /controlPlane\.bgpPeers\.0: is no router.*quick/,
    ],
    ['an AS without a router', { controlPlane: { vip: '10.0.0.1', bgpAs: 65000 } }, /controlPlane\.bgpAs: .*bgpPeers/],
    [
      'a router that is no address',
      { controlPlane: { vip: '10.0.0.1', bgpPeers: ['10.0.0.256:65001'] } },
      /"10\.0\.0\.256" is not an IPv4 address/,
    ],
    ['an AS out of range', { controlPlane: { vip: '10.0.0.1', bgpPeers: ['10.0.0.1:4294967296'] } }, /4294967296/],
    [
      'a hold time that there is not',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], bgpHoldTime: 2 } },
      /controlPlane\.bgpHoldTime: is to be 3 to 65535 seconds, or 0/,
    ],
    [
      'signs of life that come too late',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], bgpHoldTime: 9, bgpKeepalive: 9 } },
      /controlPlane\.bgpKeepalive: .* too late for a hold time of 9 s.*--bgp-hold-time/,
    ],
    [
      'signs of life that come too late for the usual hold time',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], bgpKeepalive: 30 } },
      /bgpKeepalive: .* hold time of 30 s/,
    ],
    [
      'a pace of BFD that is none',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], bgpBfd: '300' } },
      /controlPlane\.bgpBfd: is not INTERVALxMULTIPLIER, as 300x3/,
    ],
    [
      'a router ID that looks like an IPv6 address',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], bgpRouterId: 'fd00::1' } },
      /controlPlane\.bgpRouterId: is not an IPv4 address/,
    ],
    [
      'two ways to say where sessions come from',
      {
        controlPlane: {
          vip: '10.9.0.1',
          bgpPeers: ['10.0.0.1:65001'],
          bgpSourceIp: '10.0.0.9',
          bgpSourceInterface: 'eth0',
        },
      },
      /controlPlane\.bgpSourceIp: excludes/,
    ],
    [
      'a password of a router that has no address yet',
      {
        controlPlane: {
          vip: '10.9.0.1',
          bgpPeers: ['unnumbered:eth0:65001'],
          bgpPasswordFile: '/root/password',
        },
      },
      /controlPlane\.bgpPasswordFile: .*unnumbered:eth0:65001/,
    ],
    [
      'a password file without a folder',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], bgpPasswordFile: 'password' } },
      /controlPlane\.bgpPasswordFile: is not the whole path/,
    ],
    [
      'BFD without a router',
      { controlPlane: { vip: '10.0.0.1', bgpBfd: '300x3' } },
      /controlPlane\.bgpBfd: .*--bgp-peer/,
    ],
    [
      'DHCP where routers are told',
      { controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'] }, services: { pools: { global: 'dhcp' } } },
      /services\.pools: addresses by DHCP/,
    ],
    ['an unknown key', { controlPlane: { vip: '10.0.0.1', vipp: 1 } }, /vipp/],
    ['not a map at all', 'hello', /the whole:/],
    ['a port of words', { controlPlane: { vip: '10.0.0.1', port: 'https' } }, /controlPlane\.port/],
    ['the port of the kubelet', { controlPlane: { vip: '10.0.0.1', port: 10250 } }, /kubelet/],
    ['an old version', { controlPlane: { vip: '10.0.0.1' }, kubernetesVersion: 'stable' }, /kubernetesVersion/],
    ['families that differ', { controlPlane: { vip: '10.0.0.1' }, podSubnet: 'fd00::/56' }, /same IP families/],
    [
      'a pool that is none',
      { controlPlane: { vip: '10.0.0.1' }, services: { pools: { global: '10.0.0.1-x' } } },
      /global/,
    ],
    [
      'two sources for one pool',
      { controlPlane: { vip: '10.0.0.1' }, services: { dhcp: true, pools: { global: '10.0.0.0/28' } } },
      /by DHCP or from pools\.global/,
    ],
    ['a patch of what is not ours', { controlPlane: { vip: '10.0.0.1' }, kubeadm: { patches: { Pod: {} } } }, /Pod/],
  ])('refuses %s and says where', (_what, input, message) => {
    expect(() => parse(input)).toThrow(message);
    expect(() => parse(input)).toThrow(/^config\.yaml: /);
  });
});

import { describe, expect, it } from 'vitest';
import { clusterSettingFlags, configOfFlags, machineFlags, readConfigInput } from '../../../src/cli/bootstrap-flags.ts';
import { readPools, readSettings } from '../../../src/cli/pool-flags.ts';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { servicesObjects } from '../../../src/cluster/objects.ts';

/** They say how the command works, and nothing about the cluster. */
const NOT_SETTINGS = ['config', 'ignore', 'fix', 'dry-run', 'yes'];
const SAMPLES: Readonly<Record<string, unknown>> = {
  vip: '192.0.2.9',
  interface: 'eth0',
  port: 7443,
  name: 'home',
  'kubernetes-version': '1.35.2',
  'pod-subnet': '10.32.0.0/16',
  'service-subnet': '10.112.0.0/12',
  'node-name': 'n1',
  'node-ip': '192.0.2.1',
  'cri-socket': '/run/other.sock',
  pool: ['192.0.2.16/28'],
  san: ['api.home.arpa'],
  workloads: false,
  'bgp-peer': ['10.0.0.1:65001'],
  'bgp-as': 64512,
  'bgp-hold-time': 9,
  'bgp-keepalive-interval': 3,
  'bgp-bfd': '300x3',
  'bgp-password-file': '/root/password',
  'bgp-source-interface': 'eth1',
  'bgp-source-ip': '192.0.2.1',
  'bgp-router-id': '192.0.2.1',
  services: false,
  dhcp: true,
  'exclude-label': 'honor',
  image: 'registry/kubevip:1',
  'user-kubeconfig': '/tmp/config',
  'ignore-preflight-errors': ['Mem'],
};

describe('flags of init and join', () => {
  const settings = Object.keys({ ...machineFlags, ...clusterSettingFlags }).filter(
    (flag) => !NOT_SETTINGS.includes(flag),
  );

  it.each(settings)('--%s sets a key of the configuration', (flag) => {
    const parse = (flags: object): object =>
      parseBootstrapConfig(configOfFlags({ vip: '192.0.2.10', ...flags }), 'init', { name: 'the flags' });
    const beside = flag.startsWith('bgp-') && flag !== 'bgp-peer' ? { 'bgp-peer': ['10.0.0.1:65001'] } : {};
    expect(parse({ ...beside, [flag]: SAMPLES[flag] })).not.toEqual(parse(beside));
  });

  it('refuse an AS without a router to tell, by the names of the flags', async () => {
    const { document, source } = await readConfigInput({ vip: '192.0.2.9', 'bgp-as': 64512 });
    const refused = {
      exit: 2,
      message:
        'the flags: --bgp-as: says nothing without a router to tell: give controlPlane.bgpPeers (--bgp-peer) too, or neither',
    };
    expect(() => parseBootstrapConfig(document, 'init', source)).toThrow(expect.objectContaining(refused));
  });

  it('are named when what they say is wrong', async () => {
    const { document, source } = await readConfigInput({
      vip: '192.0.2.9',
      pool: ['ten'],
      port: 0,
      'exclude-label': 'x',
    });
    expect(() => parseBootstrapConfig(document, 'init', source)).toThrow(/--port: .*; --pool: .*; --exclude-label: /);
  });

  it('take addresses from the router for a namespace, or for all', () => {
    for (const word of ['global=dhcp', 'dhcp']) {
      const config = parseBootstrapConfig(
        configOfFlags({ vip: '192.0.2.9', pool: [word, 'shop=192.0.2.16/28'] }),
        'init',
        {
          name: 'the flags',
        },
      );
      expect(servicesObjects(config).find(({ kind }) => kind === 'ConfigMap')).toMatchObject({
        data: { 'cidr-global': '0.0.0.0/32', 'cidr-shop': '192.0.2.16/28' },
      });
    }
  });
});

describe('pools on the command line', () => {
  it('add up, and may be of all namespaces where that is meant', () => {
    expect(readPools(['shop=192.0.2.4-192.0.2.5', 'shop=192.0.2.8-192.0.2.9'])).toEqual({
      shop: '192.0.2.4-192.0.2.5,192.0.2.8-192.0.2.9',
    });
    expect(readPools(['192.0.2.4-192.0.2.5'], 'global')).toEqual({ global: '192.0.2.4-192.0.2.5' });
    expect(() => readPools(['192.0.2.4-192.0.2.5'])).toThrow('--pool "192.0.2.4-192.0.2.5" has no `=`');
    expect(() => readPools(['a b=192.0.2.4/31'], 'global')).toThrow('has no such name');
  });

  it('are no settings, of which each is given once', () => {
    expect(readSettings(['search-order=desc'])).toEqual({ 'search-order': 'desc' });
    expect(() => readSettings(['a=1', 'a=2'])).toThrow('gives a a second time');
  });
});

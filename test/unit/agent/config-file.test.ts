import { describe, expect, it } from 'vitest';
import { settingsOfArguments } from '../../../src/agent/arguments.ts';
import { parseConfigFile, withConfigFile } from '../../../src/agent/config-file.ts';
import { readConfig, SETTINGS } from '../../../src/agent/config.ts';
import { FILE_KEYS } from '../../../src/manifests/kube-vip/file-keys.ts';
import { ROWS } from '../../../src/manifests/kube-vip/table.ts';

const VARIABLES = [...new Set([...ROWS.map(([name]) => name as string), ...Object.keys(SETTINGS.shape)])];
const parse = (text: string) => parseConfigFile(text, '/etc/x.yaml', VARIABLES);
const env = (text: string) => parse(text).env;

describe('a configuration file', () => {
  it('has kube-vip’s keys, as documented and as kube-vip really reads them, in any case', () => {
    const file = `
enableARP: true
lbClassName: mine.example/class
LoadBalancerPort: 7443
namespace: edge
leaseDuration: 20
leaseAnnotations: { owner: me }
bgpConfig:
  as: 64512
  peers:
    - { address: 'fd00::1', as: 65001, password: hush, multiHop: true, port: 1179 }
    - { address: 10.0.0.1, as: 65002 }
bgpPeerConfig: { password: hush }
etcd: { endpoints: ['a:2379', 'b:2379'] }
`;
    expect(env(file)).toEqual({
      vip_arp: 'true',
      lb_class_name: 'mine.example/class',
      lb_port: '7443',
      cp_namespace: 'edge',
      vip_leaseduration: '20',
      vip_leaseannotations: '{"owner":"me"}',
      bgp_as: '64512',
      bgp_peers: '[fd00::1]:65001:hush:true:1179,10.0.0.1:65002::false',
      bgp_peerpass: 'hush',
      etcdEndpoints: 'a:2379,b:2379',
    });
  });

  it('knows every one of them, alone', () => {
    for (const key of FILE_KEYS.filter((one) => !one.includes('.')))
      expect(Object.keys(env(`${key}: '1'`)), key).toHaveLength(1);
  });

  it('has the names of variables, too, and is JSON as well', () => {
    expect(env('{"kubevip_election": "heartbeat", "dhcp_spare": 2, "vip_interface": ""}')).toEqual({
      kubevip_election: 'heartbeat',
      dhcp_spare: '2',
    });
    expect(env('')).toEqual({});
  });

  it('says every wrong key and value at once, with what was probably meant', () => {
    const wrong = 'enableArp2: true\nport: {a: 1}\nlbPort: 1\nloadBalancerPort: 2\nbgpConfig: {asn: 1}\nnonsense: 1\n';
    expect(() => parse(wrong)).toThrow(
      /^the configuration file \/etc\/x.yaml is not right: enableArp2 is no setting \(enableARP\?\); port: .*; lbPort and loadBalancerPort are the same setting; bgpConfig\.asn is no setting.*; nonsense is no setting$/,
    );
  });

  it.each([
    ['[1, 2]', /no map of settings/],
    ['a: [', /is not right/],
    ['port: 1\nport: 2', /unique/],
    [`x: ${'a'.repeat(300_000)}`, /larger than/],
    [
      'a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]',
      /not right/,
    ],
  ])('is refused when it is none: %.20s', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it('names keys that do nothing in kube-vip either', () => {
    expect(parse('addPeersAsBackends: true').warnings).toEqual([
      expect.stringMatching(/^addPeersAsBackends .* does nothing/),
    ]);
  });

  it('gives way to the environment, also where kube-vip’s default would win over the file', () => {
    const read = (): string => 'port: 7443\nleaseDuration: 30\nnamespace: edge\n';
    const all = withConfigFile({ cp_namespace: 'kube-system' }, '/etc/x.yaml', read, VARIABLES);
    const config = readConfig(all.env, 'n1');
    expect([config.lease.duration, config.namespace]).toEqual([30_000, 'kube-system']);
  });

  it('that cannot be read is told by its path', () => {
    const read = (): string => {
      throw new Error('ENOENT: no such file');
    };
    expect(() => withConfigFile({}, '/etc/x.yaml', read, VARIABLES)).toThrow(/\/etc\/x.yaml cannot be read: ENOENT/);
  });
});

describe('arguments of the agent', () => {
  it('are kube-vip’s: its command, and its flags in every form', () => {
    const args = ['manager', '--config-file=/etc/x.yaml', '--prometheusHTTPServer=', '--interface', 'eth0', '--arp'];
    expect(settingsOfArguments(args)).toEqual({
      config_file: '/etc/x.yaml',
      prometheus_server: '',
      vip_interface: 'eth0',
      vip_arp: 'true',
    });
  });

  it('are refused when they are none, all at once', () => {
    expect(() => settingsOfArguments(['start', '--interfaces=eth0', '--interface'])).toThrow(
      /"start" is no argument of the agent; --interfaces is no flag \(--interface\?\); --interface needs a value/,
    );
  });
});

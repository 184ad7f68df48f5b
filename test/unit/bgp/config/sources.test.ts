import { describe, expect, it } from 'vitest';
import { readBgpMap } from '../../../../src/exposure/bgp/config/config-map.ts';
import { readNodeAnnotations } from '../../../../src/exposure/bgp/config/node-annotations.ts';
import { parseCommunity } from '../../../../src/protocols/bgp/community.ts';

describe('annotations of a Node', () => {
  const PREFIX = 'metal.equinix.com';
  const read = (annotations: Readonly<Record<string, string>>) => readNodeAnnotations('n1', annotations, PREFIX);

  it('in kube-vip’s older form have one AS for all peers, and a password in base64', () => {
    const { peers, problems } = read({
      [`${PREFIX}/node-asn`]: '65000',
      [`${PREFIX}/src-ip`]: '10.0.0.5',
      [`${PREFIX}/peer-asn`]: '65530',
      [`${PREFIX}/peer-ip`]: '169.254.255.1, 169.254.255.2',
      [`${PREFIX}/bgp-pass`]: btoa('s3cret'),
      'other.example/peer-ip': 'nonsense',
    });
    expect(problems).toEqual([]);
    const common = { as: 65_530, localAs: 65_000, sourceIp: '10.0.0.5', identifier: '10.0.0.5', password: 's3cret' };
    expect(peers).toMatchObject([
      { ...common, at: { ip: '169.254.255.1' } },
      { ...common, at: { ip: '169.254.255.2' } },
    ]);
  });

  it('in the newer form are numbered, each with what it needs, and go before the older one', () => {
    const group = (n: number, more: Readonly<Record<string, string>> = {}) =>
      Object.fromEntries(
        Object.entries({
          'node-asn': '65000',
          'src-ip': '10.0.0.5',
          'peer-asn': `${65_001 + n}`,
          'peer-ip': `10.0.0.${n}`,
          ...more,
        }).map(([name, value]) => [`${PREFIX}/bgp-peers-${n}-${name}`, value]),
      );
    const { peers, problems } = read({
      ...group(10),
      ...group(2, { 'peer-port': '1179', 'peer-multi-hop': 'true' }),
      [`${PREFIX}/node-asn`]: 'of the older form',
    });
    expect(problems).toEqual([]);
    expect(peers).toMatchObject([
      { at: { ip: '10.0.0.2' }, as: 65_003, port: 1179, multihop: 50 },
      { at: { ip: '10.0.0.10' }, as: 65_011 },
    ]);
  });

  it('that are missing or wrong are said, and the other numbers go on', () => {
    const { peers, problems } = read({
      [`${PREFIX}/bgp-peers-0-node-asn`]: '65000',
      [`${PREFIX}/bgp-peers-0-src-ip`]: '10.0.0.5',
      [`${PREFIX}/bgp-peers-0-peer-asn`]: '65001',
      [`${PREFIX}/bgp-peers-1-node-asn`]: '65000',
      [`${PREFIX}/bgp-peers-1-src-ip`]: '10.0.0.5',
      [`${PREFIX}/bgp-peers-1-peer-asn`]: '65001',
      [`${PREFIX}/bgp-peers-1-peer-ip`]: '10.0.0.1',
      [`${PREFIX}/bgp-peers-1-colour`]: 'red',
    });
    expect(peers).toHaveLength(1);
    expect(problems.map(({ source, message }) => `${source}: ${message}`)).toEqual([
      expect.stringMatching(/annotation .*bgp-peers-1-colour: it is not one that kubevip knows/),
      expect.stringMatching(/bgp-peers-0-.*: annotation .*bgp-peers-0-peer-ip is missing/),
    ]);
  });
});

describe('ConfigMap kubevip-bgp', () => {
  const read = (data: Readonly<Record<string, string>>, node = 'n1') => readBgpMap(data, node, 'kubevip-bgp');

  it('has peers, for all nodes or some, with everything that a peer may have', () => {
    const { peers, problems } = read({
      'peer-tor1':
        'address=10.0.0.1 as=65001 local-as=65009 port=1179 password=tor1 source-address=10.0.0.9 bfd=50x3 hold=9 keepalive=3 pools=cidr-global nodes=n1,n2 communities=65000:100,65000:1:2,no-export med=5 prepend=2 aggregate=24',
      'peer-far': 'address=10.1.0.1 as=65002 multihop=5 passive=true next-hop6=fd00::9',
      'peer-wire': 'interface=eth1 as=65003 ttl-security=1',
      'peer-others': 'address=10.0.0.2 as=65001 nodes=n3',
    });
    expect(problems).toEqual([]);
    expect(peers).toMatchObject([
      {
        source: 'ConfigMap kubevip-bgp, key peer-tor1',
        at: { ip: '10.0.0.1' },
        as: 65_001,
        localAs: 65_009,
        port: 1179,
        passwordKey: 'tor1',
        sourceIp: '10.0.0.9',
        bfd: { transmitInterval: 50, receiveInterval: 50, multiplier: 3 },
        holdTime: 9,
        keepalive: 3000,
        pools: ['cidr-global'],
        attributes: {
          communities: [parseCommunity('65000:100'), parseCommunity('no-export')],
          largeCommunities: [[65_000, 1, 2]],
          med: 5,
          prepend: 2,
          aggregate: { v4: 24 },
        },
      },
      { at: { ip: '10.1.0.1' }, multihop: 5, passive: true, nextHop: { kind: 'fixed', v6: 'fd00::9' } },
      { at: { unnumbered: 'eth1' }, ttlSecurity: 1 },
    ]);
  });

  it('has what is said of the routes of a pool', () => {
    const { pools } = read({ 'pool-cidr-shop': 'local-preference=200', 'pool-control-plane': 'med=1' });
    expect([...pools]).toEqual([
      ['cidr-shop', { localPref: 200 }],
      ['control-plane', { med: 1 }],
    ]);
  });

  it.each([
    ['router-1', 'address=10.0.0.1 as=1', /keys are peer-NAME and pool-POOL/],
    ['peer-a', 'address=10.0.0.1', /has no as: write as=NUMBER/],
    ['peer-a', 'as=65001', /has no address: write address=IP/],
    ['peer-a', 'address=router as=65001', /address "router" is not an IP address/],
    ['peer-a', 'address=10.0.0.1 as=65001 colour=red', /unknown option "colour": there are address, interface/],
    ['peer-a', 'address=10.0.0.1 as=65001 as=65002', /option as is there twice/],
    ['peer-a', 'address=10.0.0.1 as', /option as has no value/],
    ['peer-a', 'address=10.0.0.1 as=1 hold=2', /hold time 2 is not allowed/],
    ['peer-a', 'address=10.0.0.1 as=1 bfd=5x3', /bfd interval "5" is not a number from 10 to 60000/],
    ['peer-a', 'address=10.0.0.1 as=1 communities=blue', /"blue" is no community/],
    ['peer-a', 'address=10.0.0.1 as=1 multihop=3 ttl-security=1', /exclude each other/],
    ['peer-a', 'address=fe80::1 as=1', /is link-local: say on which interface/],
    ['peer-a', 'address=10.0.0.1 as=1 password=pass/word!', /password is not the name of a key of the Secret/],
    ['pool-a', 'address=10.0.0.1', /unknown option "address": there are communities/],
  ])('%s: %s is said, and other lines go on', (key, line, message) => {
    const { peers, problems } = read({ [key]: line, 'peer-good': 'address=10.0.0.7 as=65001' });
    expect(peers).toHaveLength(1);
    expect(problems).toEqual([
      { source: `ConfigMap kubevip-bgp, key ${key}`, message: expect.stringMatching(message) as string },
    ]);
    expect(problems[0]?.message).not.toContain('pass/word!');
  });

  it('has a wrong line for another node said everywhere: it is as wrong there', () => {
    expect(read({ 'peer-a': 'address=10.0.0.1 as=x nodes=n9' }).problems).toHaveLength(1);
  });
});

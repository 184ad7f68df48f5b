import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePeers } from '../../../../src/exposure/bgp/config/peers-text.ts';

const only = (text: string) => {
  const { peers, problems } = parsePeers(text);
  expect(problems).toEqual([]);
  return peers.map(({ source, ...peer }) => {
    expect(source).toMatch(/^bgp_peers, entry \d+$/);
    return peer;
  });
};
const BFD = { transmitInterval: 300, receiveInterval: 300, multiplier: 3 };
const V6 = 'fd00:1111:2222:3333:c7d9:7235:6bf7:5d52';

describe('kube-vip’s bgp_peers', () => {
  it.each<[string, object[]]>([
    [
      '192.168.0.10:65000::false,192.168.0.11:65000::false',
      [
        { at: { ip: '192.168.0.10' }, as: 65_000 },
        { at: { ip: '192.168.0.11' }, as: 65_000 },
      ],
    ],
    ['192.168.0.10:65000', [{ at: { ip: '192.168.0.10' }, as: 65_000 }]],
    ['192.168.0.10:65000::false:180', [{ at: { ip: '192.168.0.10' }, as: 65_000, port: 180 }]],
    ['192.168.0.10:65000:s3cret:true', [{ at: { ip: '192.168.0.10' }, as: 65_000, password: 's3cret', multihop: 50 }]],
    ['192.168.0.10:65000:a/b', [{ at: { ip: '192.168.0.10' }, as: 65_000, password: 'a/b' }]],
    [`[${V6}]:65501::false`, [{ at: { ip: V6 }, as: 65_501 }]],
    [
      `[${V6}]:65501::false/mpbgp_nexthop=auto_sourceif`,
      [{ at: { ip: V6 }, as: 65_501, nextHop: { kind: 'auto_sourceif' } }],
    ],
    [
      `[${V6}]:65501::false::mpbgp_nexthop=auto_sourceip`,
      [{ at: { ip: V6 }, as: 65_501, nextHop: { kind: 'auto_sourceip' } }],
    ],
    [
      '10.0.0.1:65501::::mpbgp_nexthop=fixed;mpbgp_ipv6=fd00::1;mpbgp_ipv4=10.0.0.9:true;50;60;4',
      [
        {
          at: { ip: '10.0.0.1' },
          as: 65_501,
          nextHop: { kind: 'fixed', v4: '10.0.0.9', v6: 'fd00::1' },
          bfd: { receiveInterval: 50, transmitInterval: 60, multiplier: 4 },
        },
      ],
    ],
    [`[${V6}]:65501::false:::true;300;300;3`, [{ at: { ip: V6 }, as: 65_501, bfd: BFD }]],
    ['10.0.0.1:65501::false:::true;;;', [{ at: { ip: '10.0.0.1' }, as: 65_501, bfd: BFD }]],
    ['10.0.0.1:65501::false:::false;300;300;3', [{ at: { ip: '10.0.0.1' }, as: 65_501, bfd: 'off' }]],
    ['unnumbered:eth1:65000::true', [{ at: { unnumbered: 'eth1' }, as: 65_000, multihop: 50 }]],
    ['[fe80::1%eth0]:65000', [{ at: { ip: 'fe80::1', link: 'eth0' }, as: 65_000 }]],
    [
      '10.0.0.1:4200000000, ,10.0.0.2:1,',
      [
        { at: { ip: '10.0.0.1' }, as: 4_200_000_000 },
        { at: { ip: '10.0.0.2' }, as: 1 },
      ],
    ],
  ])('%s', (text, peers) => expect(only(text)).toEqual(peers));

  it.each([
    ['10.0.0.1', /has no AS: ADDRESS:AS is the least/],
    ['unnumbered:eth0', /has no AS: write unnumbered:INTERFACE:AS/],
    ['10.0.0.1:sixty', /AS "sixty" is not a number from 1 to 4294967295/],
    ['10.0.0.1:0', /AS "0" is not a number/],
    ['10.0.0.1:65000::maybe', /multihop "maybe" is neither true nor false/],
    ['10.0.0.1:65000:::70000', /port "70000" is not a number from 1 to 65535/],
    ['10.0.0.1:65000::::colour=red', /unknown option "colour": there are mpbgp_nexthop/],
    ['10.0.0.1:65000::::mpbgp_nexthop', /option mpbgp_nexthop has no value/],
    ['10.0.0.1:65000::::mpbgp_nexthop=next', /"next" is none of fixed/],
    ['10.0.0.1:65000::::mpbgp_nexthop=fixed', /needs mpbgp_ipv4 or mpbgp_ipv6/],
    ['10.0.0.1:65000:::::true;300', /BFD "true;300" is not of the form/],
    ['router:65000', /"router" is not an IPv4 address/],
    ['[10.0.0.1]:65000', /is not an IPv6 address/],
    ['[fd00::1:65000', /a \[ has no \]/],
    ['fd00::1:65000', /needs \[brackets\]/],
    ['[fe80::1]:65000', /is link-local: say on which interface/],
    [`10.0.0.1:65000:${'x'.repeat(81)}`, /has 81 bytes, and TCP MD5 takes 80/],
  ])('%s is said, and the others go on', (text, message) => {
    const { peers, problems } = parsePeers(`10.9.9.9:1,${text},10.9.9.8:2`);
    expect(peers.map(({ as }) => as)).toEqual([1, 2]);
    expect(problems).toEqual([{ source: 'bgp_peers, entry 2', message: expect.stringMatching(message) as string }]);
  });

  it('is never the end of the agent, whatever it is, and no password is repeated', () => {
    const piece = fc.constantFrom(
      ':',
      '[',
      ']',
      ',',
      '/',
      ';',
      '=',
      '%',
      '10.0.0.1',
      'fd00::1',
      '65000',
      'mpbgp_',
      'x',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 20 }), (pieces) => {
        parsePeers(pieces.join(''));
      }),
    );
    const { problems } = parsePeers('10.0.0.1:65000:hunter2:perhaps');
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

import { describe, expect, it } from 'vitest';
import { chooseNodeIps, type NodeIpRequest } from '../../../src/cluster/node-facts.ts';
import { removalOf, removeKubernetesRules, ruleTables } from '../../../src/cluster/network-rules.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { ZERO_MAC } from '../../../src/model/mac.ts';
import type { Link } from '../../../src/model/wire.ts';

const link = (name: string, addresses: readonly string[], gateway: Link['gateway'] = {}): Link => ({
  name,
  index: 1,
  mac: ZERO_MAC,
  up: true,
  gateway,
  addresses: addresses.map((text) => {
    const [address = '', length = ''] = text.split('/');
    return { ip: ip(address), prefixLength: Number(length) };
  }),
});
const LINKS = [
  link('lo', ['127.0.0.1/8', '::1/128']),
  link('wan', ['203.0.113.5/24'], { v4: ip('203.0.113.1') }),
  link('lan', ['192.168.1.40/32', '192.168.1.11/24', 'fe80::1/64', 'fd00::11/64']),
];
const choose = (more: Partial<NodeIpRequest>) => chooseNodeIps({ links: LINKS, families: [4], near: [], ...more });

describe('the address of a node', () => {
  it('is beside the VIP, and never the VIP', () => {
    expect(choose({ near: [ip('192.168.1.40')] })).toEqual(['192.168.1.11']);
    expect(choose({ families: [4, 6], near: [ip('192.168.1.40'), ip('fd00::40')] })).toEqual([
      '192.168.1.11',
      'fd00::11',
    ]);
  });

  it('is otherwise where the default route leads, or what was said', () => {
    expect(choose({})).toEqual(['203.0.113.5']);
    expect(choose({ link: 'lan' })).toEqual(['192.168.1.11']);
    expect(choose({ wanted: ip('10.1.1.1') })).toEqual(['10.1.1.1']);
  });

  it('is asked for when nobody can tell', () => {
    expect(() => choose({ families: [6], link: 'wan' })).toThrow(/no IPv6 address on wan/);
    expect(() => choose({ links: [] })).toThrow(KubevipError);
  });
});

describe('rules of Kubernetes', () => {
  const SAVED = [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':KUBE-SERVICES - [0:0]',
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A PREROUTING -p tcp --dport 80 -j DNAT --to 10.0.0.1',
    '-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-X',
    'COMMIT',
    '',
  ].join('\n');

  it('are named one by one, so that those of others stay', () => {
    expect(removalOf(SAVED)).toBe(
      [
        '*nat',
        ':KUBE-SERVICES - [0:0]',
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-X KUBE-SERVICES',
        'COMMIT',
        '',
      ].join('\n'),
    );
    expect(removalOf('*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n')).toBe('');
  });

  it('go with the tables that came with them, unless somebody uses those', async () => {
    const ran: string[] = [];
    const answers: Readonly<Record<string, string>> = {
      'nft list tables': 'table ip nat\ntable ip filter\ntable ip6 kube-proxy\ntable inet mine\n',
      'nft list table ip nat':
        'table ip nat {\n chain PREROUTING {\n type nat hook prerouting priority 0; policy accept;\n }\n}\n',
      'nft list table ip filter': 'table ip filter {\n chain INPUT {\n  tcp dport 22 accept\n }\n}\n',
      'iptables-save': SAVED,
    };
    await removeKubernetesRules(
      {
        run: ({ program, args, input }) => {
          const line = [program, ...args].join(' ');
          if (program.startsWith('ip6tables')) {
            return Promise.reject(new KubevipError('no such program', { code: 'RUN_NOT_FOUND' }));
          }
          ran.push(input === undefined ? line : `${line} < ${input.length}`);
          return Promise.resolve({ code: 0, stdout: answers[line] ?? '', stderr: '' });
        },
      },
      ['ip mangle'],
      () => undefined,
    );
    expect(ran.filter((line) => /delete|restore/.test(line))).toEqual([
      `iptables-restore --noflush -w 5 < ${removalOf(SAVED).length}`,
      'nft delete table ip nat',
      'nft delete table ip6 kube-proxy',
    ]);
  });

  it('that do not go are told of, and what could not be read', async () => {
    const said: string[] = [];
    const outcomes: Readonly<Record<string, string>> = { 'iptables-save': SAVED, 'iptables-restore': '' };
    const removed = removeKubernetesRules(
      {
        run: ({ program }) => {
          const code = program === 'iptables-save' ? 0 : 4;
          return Promise.resolve({ code, stdout: outcomes[program] ?? '', stderr: `${program} is busy` });
        },
      },
      [],
      (message) => said.push(message),
    );
    await expect(removed).rejects.toThrow(/iptables-restore --noflush -w 5 ended with 4: iptables-restore is busy/);
    await expect(ruleTables({ run: () => Promise.resolve({ code: 1, stdout: '', stderr: 'no' }) })).resolves.toEqual(
      [],
    );
    await removeKubernetesRules({ run: () => Promise.resolve({ code: 1, stdout: '', stderr: 'no' }) }, [], (message) =>
      said.push(message),
    );
    expect(said.join('\n')).toMatch(/ip6tables-save ended with 1: no/);
  });
});

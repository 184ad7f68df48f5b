import { describe, expect, it } from 'vitest';
import { proxyRules } from '../../../src/lab/cluster/proxy-rules.ts';
import type { EndpointSlice, Service } from '../../../src/model/kubernetes.ts';

const service = (changes: Partial<Service['spec']> = {}, ips: string[] = ['10.77.0.200']): Service => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: { type: 'LoadBalancer', clusterIP: '10.96.0.10', ports: [{ port: 80 }], ...changes },
  status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
});
const slice = (endpoints: [address: string, node: string, ready?: boolean][], name = 'web'): EndpointSlice => ({
  metadata: { name: `${name}-lab`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: endpoints.map(([address, nodeName, ready = true]) => ({
    addresses: [address],
    nodeName,
    conditions: { ready },
  })),
});
/** What one map says of one destination: the chain's body or the verdict. */
function verdict(rules: string, map: string, match: string): string | undefined {
  const elements = new RegExp(`map ${map} \\{[^]*?\\n  \\}`).exec(rules)?.[0] ?? '';
  const to = new RegExp(`${match.replaceAll('.', '\\.')} : ([^,}\\n]+)`).exec(elements)?.[1]?.trim();
  const chain = to?.replace('goto ', '');
  return new RegExp(`chain ${chain} \\{([^}]*\\})?`).exec(rules)?.[0]?.replace(/\s+/g, ' ') ?? to;
}
const VIP = '10.77.0.200 . tcp . 80';
/** The part of the rules that is about one family. */
const tableOf = (family: 'ip' | 'ip6', rules: string): string =>
  rules.split('add table ').find((table) => table.startsWith(`${family} `)) ?? '';

describe('the rules in place of kube-proxy', () => {
  const both = slice([
    ['10.88.12.2', 'n2'],
    ['10.88.11.2', 'n1'],
  ]);

  it('send the ingress address and the cluster address to every ready endpoint, under the node’s address', () => {
    const rules = proxyRules('n1', [service()], [both]);
    for (const match of [VIP, '10.96.0.10 . tcp . 80']) {
      expect(verdict(rules, 'outside', match)).toContain(
        'meta mark or 0x4000 meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.88.11.2 . 8080, 1 : 10.88.12.2 . 8080 }',
      );
    }
  });

  it('leave out endpoints that are not ready', () => {
    const rules = proxyRules(
      'n1',
      [service()],
      [
        slice([
          ['10.88.11.2', 'n1'],
          ['10.88.12.2', 'n2', false],
        ]),
      ],
    );
    expect(rules).not.toContain('10.88.12.2');
  });

  it('keep policy Local to the endpoints of the node, with the client’s address', () => {
    const local = service({ externalTrafficPolicy: 'Local' });
    const here = verdict(proxyRules('n1', [local], [both]), 'outside', VIP);
    expect(here).toContain('numgen random mod 1 map { 0 : 10.88.11.2 . 8080 }');
    expect(here).not.toContain('mark');
    const elsewhere = proxyRules('n3', [local], [both]);
    expect(verdict(elsewhere, 'outside', VIP)).toBeUndefined();
    expect(verdict(elsewhere, 'refused', VIP)).toBe('drop');
    // From the node itself every endpoint is as good.
    expect(verdict(elsewhere, 'inside', VIP)).toContain('mod 2');
  });

  it('refuse what has no endpoint at all', () => {
    const rules = proxyRules('n1', [service()], []);
    expect(verdict(rules, 'refused', VIP)).toContain('tcp reset');
    expect(verdict(rules, 'inside', VIP)).toBeUndefined();
  });

  it('leave addresses alone that are not an ingress', () => {
    const proxied = {
      ...service(),
      status: { loadBalancer: { ingress: [{ ip: '10.77.0.9', ipMode: 'Proxy' as const }] } },
    };
    expect(proxyRules('n1', [proxied], [both])).not.toContain('10.77.0.9');
    expect(proxyRules('n1', [service({ type: 'ClusterIP' })], [both])).not.toContain('10.77.0.200');
    expect(proxyRules('n1', [service({ clusterIP: 'None' }, ['2001:db8::1'])], [both])).not.toMatch(/2001|None/);
  });

  it('do the same for each family of a Service, each with its own endpoints', () => {
    const dual = service({ clusterIPs: ['10.96.0.10', 'fd96::a'] }, ['10.77.0.200', '2001:db8:77::200']);
    const slice6: EndpointSlice = { ...slice([['fd88:0:0:11::2', 'n1']]), addressType: 'IPv6' };
    const rules = proxyRules('n1', [dual], [both, slice6]);
    const [ip, ip6] = [tableOf('ip', rules), tableOf('ip6', rules)];
    for (const address of ['2001:db8:77::200', 'fd96::a']) {
      expect(verdict(ip6, 'outside', `${address} . tcp . 80`)).toContain(
        'dnat ip6 to numgen random mod 1 map { 0 : fd88:0:0:11::2 . 8080 }',
      );
    }
    expect(verdict(ip, 'outside', VIP)).toContain('mod 2');
    expect(ip).not.toContain('::');
    expect(ip6).not.toMatch(/10\.\d/);
  });

  it('leave out the family that a Service is not of', () => {
    const single = service({ clusterIPs: ['10.96.0.10'] }, ['10.77.0.200', '2001:db8:77::200']);
    expect(proxyRules('n1', [single], [both])).not.toContain('2001:db8');
  });

  it('share chains among Services with the same endpoints', () => {
    const many = Array.from({ length: 20 }, (_, i) => service({}, [`10.77.0.${200 + i}`]));
    const rules = proxyRules('n1', many, [both]);
    expect(rules.match(/chain endpoints-/g)).toHaveLength(1);
  });

  it('are the same for the same cluster, whatever the order', () => {
    const other: Service = {
      ...service({ clusterIP: '10.96.0.11' }, ['10.77.0.201']),
      metadata: { name: 'api', namespace: 'default' },
    };
    const [a, b] = [slice([['10.88.11.2', 'n1']]), slice([['10.88.11.3', 'n1']], 'api')];
    expect(proxyRules('n1', [service(), other], [a, b])).toBe(proxyRules('n1', [other, service()], [b, a]));
  });
});

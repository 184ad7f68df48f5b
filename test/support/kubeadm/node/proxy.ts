/**
 * In place of kube-proxy: the way to the API server's Service, so that pods with a service account find it. Its table
 * stays when `kubeadm reset` is done, as the real one's does.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Api } from '../cli/api.ts';
import { list, strings, text } from '../cli/config.ts';

const run = promisify(execFile);
let loaded = '';

export async function proxyRules(api: Api): Promise<void> {
  const service = await api.call('GET', '/api/v1/namespaces/default/services/kubernetes');
  const slices = await api.call('GET', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
  const slice = list(slices, 'items').find((one) => text(one, 'metadata.name') === 'kubernetes') ?? {};
  const addresses = list(slice, 'endpoints').flatMap((endpoint) => strings(endpoint, 'addresses'));
  const port = text(list(slice, 'ports')[0], 'port', '6443');
  const clusterIp = text(service, 'spec.clusterIP');
  if (addresses.length === 0 || clusterIp === '' || clusterIp.includes(':')) return;
  const map = addresses.map((address, i) => `${i} : ${address}`).join(', ');
  const rules = `table ip kube-proxy
delete table ip kube-proxy
table ip kube-proxy {
  chain services {
    type nat hook output priority -100;
    ip daddr ${clusterIp} tcp dport 443 dnat to numgen random mod ${addresses.length} map { ${map} } : ${port}
  }
}
`;
  if (rules === loaded) return;
  const child = run('nft', ['-f', '-']);
  child.child.stdin?.end(rules);
  await child;
  loaded = rules;
}

/** Everything that kubevip could leave behind in a lab, as lines to compare before and after. */
import type { Cluster } from '../../../src/kube/client.ts';
import { run } from '../../../src/lab/exec.ts';
import { netnsOf, type LabPaths } from '../../../src/lab/layout.ts';
import { readLeases } from '../../../src/lab/router/dnsmasq.ts';
import { readMappings } from '../../../src/lab/router/nat.ts';

/** Addresses, links, routes and rules of the nodes, DHCP leases, router mappings, Services and Leases of addresses. */
export async function remainsOf(paths: LabPaths, cluster: Cluster, nodes: readonly string[]): Promise<Set<string>> {
  const lines = new Set<string>();
  for (const node of nodes) for (const line of await nodeLines(paths, node)) lines.add(`${node}: ${line}`);
  for (const { ip, hostname } of readLeases(paths)) lines.add(`DHCP lease: ${ip} ${hostname}`);
  for (const { externalPort, internalIp } of await readMappings(paths))
    lines.add(`mapping: ${externalPort} ${internalIp}`);
  const [services, leases] = await Promise.all([
    cluster.resource('Service').list({ namespace: 'default' }),
    cluster.resource('Lease').list({ namespace: 'kube-system' }),
  ]);
  for (const { metadata } of services.items) lines.add(`Service: ${metadata.name}`);
  for (const { metadata } of leases.items) lines.add(`Lease: ${metadata.name}`);
  return lines;
}

async function nodeLines(paths: LabPaths, node: string): Promise<string[]> {
  const netns = netnsOf(paths, node);
  const ask = async (...argv: string[]): Promise<string[]> => (await run(argv, { netns })).stdout.split('\n');
  const [addresses, links, routes, rules] = await Promise.all([
    ask('ip', '-o', 'addr'),
    ask('ip', '-o', 'link'),
    ask('ip', 'route', 'show', 'table', 'all'),
    ask('nft', 'list', 'ruleset'),
  ]);
  return [
    ...addresses.flatMap((line) => /^\d+: (\S+)\s+(inet6? \S+)/.exec(line)?.slice(1).join(' ') ?? []),
    ...links.flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? []),
    ...routes.map((line) => line.trim()),
    // The rules of the lab's own Services are the business of the workloads.
    ...rules
      .join('\n')
      .replace(/^table ip kube-proxy \{[^]*?^\}$/m, '')
      .split('\n')
      .map((line) => line.trim()),
  ].filter((line) => line !== '');
}

import { Flags } from '@oclif/core';
import { ELECTIONS } from '../../agent/election-config.ts';
import { BaseCommand } from '../../cli/base.ts';
import { labIdFlag } from '../../cli/flags.ts';
import type { LabStatus } from '../../lab/status.ts';
import type { LabOptionsInput } from '../../lab/options.ts';

export class LabUp extends BaseCommand<LabStatus> {
  static override summary = 'Bring up a home LAN in network namespaces';
  static override description = `A router (dnsmasq, miniupnpd in secure mode), the Internet behind it, three nodes with an agent each, and a laptop with avahi. Needs Linux and root; touches nothing outside its namespaces and one folder under the temporary directory.

Run again, it repairs what is missing.`;
  static override examples = [
    '<%= config.bin %> lab up',
    '<%= config.bin %> lab up --id two --nodes 5 --no-ping-check',
  ];
  static override flags = {
    ...labIdFlag,
    nodes: Flags.integer({ description: 'Number of nodes (default 3)', min: 1, max: 20 }),
    wan: Flags.option({
      description: "The router's outer address (default public)",
      options: ['public', 'private', 'cgnat'] as const,
    })(),
    'lease-time': Flags.string({ description: 'DHCP lease time, as dnsmasq writes it (default 1h)', helpValue: '2m' }),
    dhcp: Flags.boolean({ description: 'DHCP server on the router (default yes)', allowNo: true }),
    'ping-check': Flags.boolean({
      description: 'The DHCP server pings an address for 3 s before it offers it (default yes)',
      allowNo: true,
    }),
    'secure-mode': Flags.boolean({
      description: 'Clients may open router ports only for themselves (default yes)',
      allowNo: true,
    }),
    election: Flags.option({
      description: 'How agents choose the owners of addresses (default as for an agent)',
      options: ELECTIONS,
    })(),
    ipv6: Flags.boolean({ description: 'IPv6 beside IPv4 (default yes)', allowNo: true }),
    agents: Flags.boolean({ description: 'Agents on the nodes (default yes)', allowNo: true }),
    cluster: Flags.boolean({ description: 'API server, workloads and agents (default yes)', allowNo: true }),
  };

  override async run(): Promise<LabStatus> {
    const { flags } = await this.parse(LabUp);
    const [{ labUp }, { labStatus }] = await Promise.all([import('../../lab/lab.ts'), import('../../lab/status.ts')]);
    const started = performance.now();
    await labUp(flags.id, optionsFrom(flags));
    const status = await labStatus(flags.id);
    this.log(`Lab ${flags.id} is up (${((performance.now() - started) / 1000).toFixed(1)} s):`);
    this.log(
      'internet — router — LAN — laptop, %s',
      status.hosts
        .map(({ name }) => name)
        .filter((name) => /^n\d/.test(name))
        .join(', '),
    );
    this.log('');
    const laptop = status.hosts.find(({ name }) => name === 'laptop')?.netns;
    if (status.kubeconfig !== undefined) this.log(`  export KUBECONFIG=${status.kubeconfig} KUBEVIP_NETNS=${laptop}`);
    const id = flags.id === 'lab' ? '' : ` --id ${flags.id}`;
    this.log(`  ${this.config.bin} lab status${id}`);
    this.log(`  ${this.config.bin} lab exec${id} laptop -- curl http://ADDRESS/`);
    this.log(`  ${this.config.bin} lab exec${id} laptop -- avahi-browse -art`);
    this.log(`  ${this.config.bin} lab down${id}`);
    return status;
  }
}

type Given = { readonly [Name in 'dhcp' | 'ipv6' | 'ping-check' | 'secure-mode' | 'agents' | 'cluster']?: boolean } & {
  readonly nodes?: number | undefined;
  readonly wan?: 'public' | 'private' | 'cgnat' | undefined;
  readonly election?: (typeof ELECTIONS)[number] | undefined;
  readonly 'lease-time'?: string | undefined;
};

/** Undefined when no flag was given: a lab that is up stays as it is. */
function optionsFrom(given: Given): LabOptionsInput | undefined {
  const { nodes, wan, election, dhcp, ipv6, agents, cluster } = given;
  const options: LabOptionsInput = {
    ...(nodes !== undefined && { nodes }),
    ...(wan !== undefined && { wan }),
    ...(election !== undefined && { election }),
    ...(ipv6 !== undefined && { ipv6 }),
    ...(agents !== undefined && { agents }),
    ...(cluster !== undefined && { cluster }),
    ...(given['secure-mode'] !== undefined && { upnp: { secureMode: given['secure-mode'] } }),
  };
  const dhcpOptions = {
    ...(dhcp !== undefined && { enabled: dhcp }),
    ...(given['ping-check'] !== undefined && { pingCheck: given['ping-check'] }),
    ...(given['lease-time'] !== undefined && { leaseTime: given['lease-time'] }),
  };
  if (Object.keys(dhcpOptions).length > 0) options.dhcp = dhcpOptions;
  return Object.keys(options).length === 0 ? undefined : options;
}

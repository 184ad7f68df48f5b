import { BaseCommand } from '../../cli/base.ts';
import { labIdFlag } from '../../cli/flags.ts';
import { renderTable } from '../../cli/table.ts';
import type { HostStatus, LabStatus } from '../../lab/status.ts';

export class LabStatusCommand extends BaseCommand<LabStatus> {
  static override summary = 'Show the hosts of the lab, what runs on them, DHCP leases and open router ports';
  static override examples = ['<%= config.bin %> lab status', '<%= config.bin %> lab status --json'];
  static override flags = { ...labIdFlag };

  override async run(): Promise<LabStatus> {
    const { flags } = await this.parse(LabStatusCommand);
    const { labStatus } = await import('../../lab/status.ts');
    const status = await labStatus(flags.id);
    if (status.hosts.length === 0) {
      this.log(`There is no lab ${flags.id}. Bring it up with: ${this.config.bin} lab up`);
      return status;
    }
    this.log(renderTable(HOST_COLUMNS, status.hosts));
    for (const { daemon, log } of status.missing) this.warnOf(`${daemon} does not run, its log is ${log}`);
    if (status.kubeconfig !== undefined) this.log(`\nKUBECONFIG   ${status.kubeconfig}`);
    if (status.leases.length > 0) {
      this.log('\n%s', renderTable(LEASE_COLUMNS, status.leases));
    }
    if (status.mappings.length > 0) {
      this.log('\n%s', renderTable(MAPPING_COLUMNS, status.mappings));
    }
    if (status.pinholes.length > 0) {
      this.log('\n%s', renderTable(PINHOLE_COLUMNS, status.pinholes));
    }
    return status;
  }
}

const HOST_COLUMNS = [
  { header: 'host', value: ({ name }: HostStatus) => name },
  { header: 'power', value: ({ power }: HostStatus) => power },
  { header: 'addresses', value: ({ addresses }: HostStatus) => addresses.join(', ') },
  {
    header: 'runs',
    value: ({ name, daemons }: HostStatus) =>
      daemons.map((daemon) => `${daemon.name.replace(`${name}-`, '')} (${daemon.pid})`).join(', '),
  },
  { header: 'namespace', value: ({ netns }: HostStatus) => netns },
];

const LEASE_COLUMNS = [
  { header: 'dhcp lease', value: ({ ip }: LabStatus['leases'][number]) => ip },
  { header: 'mac', value: ({ mac }: LabStatus['leases'][number]) => mac },
  { header: 'hostname', value: ({ hostname }: LabStatus['leases'][number]) => hostname },
];

const MAPPING_COLUMNS = [
  {
    header: 'router port',
    value: ({ externalPort, protocol }: LabStatus['mappings'][number]) => `${externalPort}/${protocol}`,
  },
  {
    header: 'goes to',
    value: ({ internalIp, internalPort }: LabStatus['mappings'][number]) => `${internalIp}:${internalPort}`,
  },
];

const PINHOLE_COLUMNS = [
  {
    header: 'pinhole to',
    value: ({ internalIp, internalPort, protocol }: LabStatus['pinholes'][number]) =>
      `[${internalIp}]:${internalPort}/${protocol}`,
  },
];

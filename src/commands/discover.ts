/** `kubevip discover`: what is announced on the LAN, as it comes in. */
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { duration, durationFlag, netnsFlag } from '../cli/flags.ts';
import { interruptible } from '../cli/interrupt.ts';
import { renderTable } from '../cli/table.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { DiscoveredService } from '../workflows/discover.ts';

export class Discover extends BaseCommand<readonly DiscoveredService[]> {
  static override summary = 'Look for services on the LAN by mDNS';
  static override examples = [
    '<%= config.bin %> discover',
    { description: 'Only web servers, on one interface:', command: '<%= config.bin %> discover http --link eth0' },
  ];
  static override args = {
    type: Args.string({ name: 'type', description: 'Service type: http, _ipp._tcp, …; every type by default' }),
  };
  static override flags = {
    timeout: durationFlag({ description: 'How long to listen', default: '3s' }),
    link: Flags.string({ helpValue: 'INTERFACE', description: 'Only on this interface' }),
    ...netnsFlag,
  };

  override async run(): Promise<readonly DiscoveredService[]> {
    const { args, flags } = await this.parse(Discover);
    const timeoutMs = duration('timeout', flags.timeout);
    const types = args.type === undefined ? [] : [serviceType(args.type)];
    if (process.platform !== 'linux') {
      throw new KubevipError('discover works on Linux only', {
        code: 'NOT_SUPPORTED',
        exit: EXIT.preflight,
        hints: ['Elsewhere: dns-sd -B _services._dns-sd._udp'],
      });
    }
    const [{ createNetwork }, { systemEntropy }, { discover }] = await Promise.all([
      import('../linux/network.ts'),
      import('../linux/entropy.ts'),
      import('../workflows/discover.ts'),
    ]);
    const netns = flags['from-netns'];
    const network = createNetwork(netns === undefined ? {} : { netns });
    const interrupt = interruptible();
    const alive = setInterval(() => undefined, 60_000);
    const found: DiscoveredService[] = [];
    try {
      const { signal } = interrupt;
      const options = { network, clock: foregroundClock, entropy: systemEntropy, timeoutMs, types, signal };
      for await (const service of discover({ ...options, ...(flags.link === undefined ? {} : { link: flags.link }) })) {
        found.push(service);
      }
    } finally {
      clearInterval(alive);
      interrupt.dispose();
      network.close();
    }
    this.log(found.length === 0 ? `Nobody announced anything within ${flags.timeout}.` : render(found));
    return found;
  }
}

/** `http` → `_http._tcp`; `_ipp._tcp` and `ntp/udp` as they are meant. @throws KubevipError INVALID_TYPE (exit 2) */
function serviceType(text: string): string {
  const match = /^_?([a-z0-9-]{1,15})(?:(?:\._|[/.])(tcp|udp))?(?:\.local\.?)?$/i.exec(text);
  if (match) return `_${(match[1] ?? '').toLowerCase()}._${(match[2] ?? 'tcp').toLowerCase()}`;
  throw new KubevipError(`${JSON.stringify(text)} is not a service type`, {
    code: 'INVALID_TYPE',
    exit: EXIT.usage,
    hints: ['For example http or _ipp._tcp; without one, every type is looked for.'],
  });
}

function render(found: readonly DiscoveredService[]): string {
  const sorted = found.toSorted((a, b) => a.type.localeCompare(b.type) || a.instance.localeCompare(b.instance));
  return renderTable(
    [
      { header: 'name', value: ({ instance }) => instance },
      { header: 'type', value: ({ type }) => type },
      { header: 'host', value: ({ host }) => host ?? '' },
      { header: 'address', value: ({ addresses }) => addresses.join(',') },
      { header: 'port', value: ({ port }) => (port === undefined ? '' : String(port)) },
      { header: 'link', value: ({ link }) => link },
    ],
    sorted,
  );
}

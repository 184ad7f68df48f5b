/** `kubevip install`: flags → workflow → what runs. */
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { clusterFlags, duration, durationFlag } from '../cli/flags.ts';
import { readInstallConfig } from '../cli/install-config.ts';
import { interruptible } from '../cli/interrupt.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import { toYaml } from '../cli/yaml.ts';
import { isApiError } from '../kube/errors.ts';
import type { AnyManifest } from '../manifests/objects.ts';
import { installObjects } from '../workflows/install/objects.ts';
import type { InstallResult } from '../workflows/install/install.ts';

type Result = InstallResult | { readonly dryRun: true; readonly objects: readonly AnyManifest[] };

export class Install extends BaseCommand<Result> {
  static override summary = 'Put the agents into a cluster that is there already, k3s included';
  static override description =
    'One agent per node serves Services of type LoadBalancer; with --control-plane another holds an address for the API ' +
    'servers. Doing it again changes what differs; `uninstall` takes everything back.';
  static override examples = [
    {
      description: 'Ten addresses for Services:',
      command: '<%= config.bin %> install --pool global=192.168.1.200-192.168.1.209',
    },
    {
      description: 'Addresses from the router, and one for the API servers:',
      command: '<%= config.bin %> install --pool global=dhcp --control-plane 192.168.1.10',
    },
    { description: 'Only look at what it would do:', command: '<%= config.bin %> install --dry-run' },
  ];
  static override flags = {
    pool: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAMESPACE=ADDRESSES',
      description:
        'Addresses for the Services of a namespace, or `global`: ranges, prefixes, or `dhcp`; several with several --pool. The ConfigMap stays as it is without',
    }),
    interface: Flags.string({ helpValue: 'NAME', description: 'Interface; by default the one whose subnet fits' }),
    'honor-exclude-label': Flags.boolean({
      description: 'Nodes with Kubernetes’ exclude label, which kubeadm puts on control planes, own no address',
    }),
    'control-plane': Flags.string({
      helpValue: 'ADDRESS',
      description: 'Hold this address for the API servers, too: IPV4, IPV6, IPV4,IPV6 or a DNS name',
    }),
    'control-plane-port': Flags.string({
      helpValue: 'PORT',
      description: 'Port of the API servers; 6443 by default',
      dependsOn: ['control-plane'],
    }),
    wireguard: Flags.boolean({
      description:
        'Announce addresses through WireGuard tunnels, which Secret kube-system/wireguard has, instead of on the LAN',
    }),
    image: Flags.string({ helpValue: 'IMAGE', description: 'Image of the agents; that of this version by default' }),
    'dry-run': Flags.boolean({
      description: 'Print the objects, having asked the API server whether it would take them; change nothing',
    }),
    timeout: durationFlag({ description: 'How long to wait until the agents run', default: '2m' }),
    context: clusterFlags.context,
    kubeconfig: clusterFlags.kubeconfig,
  };

  override async run(): Promise<Result> {
    const { flags } = await this.parse(Install);
    const timeout = duration('timeout', flags.timeout);
    const objects = installObjects(readInstallConfig(flags));
    if (flags['dry-run']) return await this.#dryRun(flags, objects);
    const { install } = await import('../workflows/install/install.ts');
    const interrupt = interruptible();
    try {
      return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
        const { signal } = interrupt;
        const result = await this.follow(install(objects, { cluster, clock: foregroundClock, timeout, signal }));
        this.log(`kubevip runs on ${cluster.server} (${result.cluster}): ${sentence(result.running)}.`);
        return result;
      });
    } finally {
      interrupt.dispose();
    }
  }

  async #dryRun(
    flags: { readonly context?: string | undefined; readonly kubeconfig?: string | undefined },
    objects: readonly AnyManifest[],
  ): Promise<Result> {
    const { tryInstall } = await import('../workflows/install/install.ts');
    try {
      await withCluster(flags, cliUserAgent(this.config.version), (cluster) =>
        this.follow(tryInstall(objects, { cluster })),
      );
    } catch (error) {
      if (!isApiError(error, 'API_UNREACHABLE', 'API_TIMEOUT', 'NO_KUBECONFIG')) throw error;
      this.warnOf(`not checked by an API server: ${error.message}`);
    }
    this.log(toYaml(objects).trimEnd());
    return { dryRun: true, objects };
  }
}

function sentence(running: Readonly<Record<string, number>>): string {
  return Object.entries(running)
    .map(([name, count]) => `${name} on ${count} ${count === 1 ? 'node' : 'nodes'}`)
    .join(', ');
}

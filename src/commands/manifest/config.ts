import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base.ts';
import { readPools, readSettings } from '../../cli/pool-flags.ts';
import { toYaml } from '../../cli/yaml.ts';
import type { Printed } from '../../cli/manifest-command.ts';
import { poolsConfigMap } from '../../manifests/pools.ts';

export class ManifestConfig extends BaseCommand<Printed> {
  static override summary = 'Print the ConfigMap that says which Services get which addresses';
  static override description = 'kube-vip’s cloud provider reads the same one: docs/reference/pools.md has its keys.';
  static override examples = [
    {
      description: 'Ten addresses for everybody, a prefix for development, the router’s for home:',
      command:
        '<%= config.bin %> manifest config --pool global=192.168.1.200-192.168.1.209 --pool development=192.168.1.128/27 --pool home=dhcp',
    },
  ];
  static override flags = {
    pool: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      required: true,
      helpValue: 'NAMESPACE=ADDRESSES',
      description:
        'Addresses for the Services of a namespace, or `global`: ranges, prefixes, or `dhcp`; several with several --pool',
    }),
    set: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      helpValue: 'KEY=VALUE',
      description: 'A further key as it is, like search-order=desc or allow-share-global=true',
    }),
    name: Flags.string({ default: 'kubevip', helpValue: 'NAME', description: 'Name of the ConfigMap' }),
    namespace: Flags.string({ char: 'n', default: 'kube-system', helpValue: 'NAME', description: 'Its namespace' }),
  };

  override async run(): Promise<Printed> {
    const { flags } = await this.parse(ManifestConfig);
    const { name, namespace } = flags;
    const extra = readSettings(flags.set);
    const objects = [poolsConfigMap(readPools(flags.pool), { name, namespace, extra })];
    this.log(toYaml(objects).trimEnd());
    return { objects };
  }
}

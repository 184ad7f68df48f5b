/** What the commands have in common that print manifests. */
import { BaseCommand } from './base.ts';
import { flagTexts, takeBooleans } from './kube-vip-flags.ts';
import { toYaml } from './yaml.ts';
import type { AnyManifest } from '../manifests/objects.ts';
import { readSettings, type Given } from '../manifests/kube-vip/read.ts';
import { readImage } from '../manifests/kube-vip/image.ts';
import { secretNotice, secretSettings } from '../manifests/kube-vip/passwords.ts';

type Flags = Readonly<Record<string, unknown>>;

export interface Printed {
  readonly objects: readonly object[];
}

export abstract class ManifestCommand extends BaseCommand<Printed> {
  /** Makes the objects, or throws before anything is printed. */
  protected abstract objects(given: Given): readonly AnyManifest[];

  /** In which form. Default: as they are. */
  protected printed(...[objects]: [objects: readonly AnyManifest[], flags: Flags]): readonly object[] {
    return objects;
  }

  override async run(): Promise<Printed> {
    const { rest, booleans } = takeBooleans(this.argv);
    const { flags } = await this.parse(this.ctor, rest);
    const given = readSettings({ flags: { ...flagTexts(flags), ...booleans }, env: process.env });
    const objects = this.objects(given);
    await this.#warn(given, objects);
    // In one piece, when nothing can go wrong any more: a pipe into a file gets a whole manifest or none.
    const printed = this.printed(objects, flags);
    this.log(toYaml(printed).trimEnd());
    return { objects: printed };
  }

  async #warn(given: Given, objects: readonly AnyManifest[]): Promise<void> {
    const pods = objects.flatMap((object) =>
      object.kind === 'Pod'
        ? [{ ...object.metadata, spec: object.spec }]
        : object.kind === 'DaemonSet'
          ? [{ ...object.metadata, spec: object.spec.template.spec }]
          : [],
    );
    const secrets = given.values.passwordsInClear ? [] : secretSettings(given);
    for (const { namespace = '' } of pods) if (secrets.length > 0) this.warnOf(secretNotice(secrets, namespace));
    if (readImage(given.values.image).agent === 'kube-vip') return;
    const { environmentWarnings } = await import('../agent/kubevip-env.ts');
    for (const { env } of pods.flatMap(({ spec }) => spec.containers)) {
      const texts = Object.fromEntries(env.map(({ name, value }) => [name, value]));
      for (const warning of environmentWarnings(texts)) this.warnOf(`our agent: ${warning}`);
    }
  }
}

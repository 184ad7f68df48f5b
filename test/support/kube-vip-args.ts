/** Command lines of kube-vip's generators, without a process. */
import { flagTexts, takeBooleans } from '../../src/cli/kube-vip-flags.ts';
import type { Container, DaemonSetManifest, PodManifest } from '../../src/manifests/objects.ts';
import { readSettings, type Given } from '../../src/manifests/kube-vip/read.ts';
import type { Setting } from '../../src/manifests/kube-vip/setting.ts';
import { ROWS } from '../../src/manifests/kube-vip/table.ts';

const ROW_OF = new Map(ROWS.map(([, row]: readonly [string, Setting]) => [row.flag ?? '', row]));

export function settingsOf(line: string, env: Readonly<Record<string, string>> = {}): Given {
  const { rest, booleans } = takeBooleans(line.split(' ').filter((word) => word !== ''));
  const flags: Record<string, unknown> = {};
  for (let i = 0; i < rest.length; i++) {
    const [name = '', value] = (rest[i] ?? '').replace(/^--/, '').split('=');
    if (ROW_OF.get(name)?.type === 'boolean') flags[name] = true;
    else flags[name] = (value ?? rest[++i] ?? '').replace("''", '');
  }
  return readSettings({ flags: { ...flagTexts(flags), ...booleans }, env });
}

export function containerOf(object: PodManifest | DaemonSetManifest): Container {
  const [container] = object.kind === 'Pod' ? object.spec.containers : object.spec.template.spec.containers;
  if (container === undefined) throw new Error('no container');
  return container;
}

/** Name → value, with what is not a value in words. */
export function environmentOf(container: Container): Record<string, string> {
  return Object.fromEntries(
    container.env.map(({ name, value, valueFrom }) => {
      if (valueFrom === undefined) return [name, value ?? 'nothing'];
      return 'fieldRef' in valueFrom
        ? [name, `<${valueFrom.fieldRef.fieldPath}>`]
        : [name, `<secret ${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}>`];
    }),
  );
}

/** deploy/ holds what `kubevip install` applies, for those who use kubectl, kustomize or Helm. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../src/agent/config.ts';
import { installObjects, type InstallConfig } from '../../src/workflows/install/objects.ts';
import { deployFiles } from '../support/deploy-files.ts';
import { renderTemplate, type Values } from '../support/go-template.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CHART = join(ROOT, 'deploy/helm/kubevip');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Object {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}
const documents = (text: string): Object[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Object | null)
    .filter((object) => object !== null);
const byName = (objects: readonly Object[]): Object[] =>
  objects.toSorted((a, b) => (`${a.kind}${a.metadata.name}` < `${b.kind}${b.metadata.name}` ? -1 : 1));

describe('deploy/', () => {
  it.each(Object.entries(deployFiles()))('%s is up to date (npm run docs writes it)', (path, text) => {
    const file = join(ROOT, path);
    if (process.env['UPDATE_DOCS'] === '1') {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    expect(read(path)).toBe(text);
  });

  it('kubevip.yaml is what install applies, with an environment that the agent accepts', () => {
    const objects = documents(read('deploy/kubevip.yaml'));
    expect(objects).toEqual(JSON.parse(JSON.stringify(installObjects({}))));
    const set = installObjects({}).find(({ kind }) => kind === 'DaemonSet');
    const containers = set?.kind === 'DaemonSet' ? set.spec.template.spec.containers : [];
    const env = Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
    expect(readConfig(env, 'n1')).toMatchObject({ node: 'n1', servicesEnabled: true, listen: { port: 2112 } });
  });

  it('kustomize’s base is the same, in files of their own', () => {
    const { resources } = parse(read('deploy/kustomize/kustomization.yaml')) as { resources: readonly string[] };
    const objects = resources.flatMap((file) => documents(read(`deploy/kustomize/${file}`)));
    expect(objects.filter(({ kind }) => kind !== 'ConfigMap')).toEqual(documents(read('deploy/kubevip.yaml')));
  });
});

describe('Helm’s chart', () => {
  const render = (values: Values): Object[] => {
    const defaults = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Values;
    return readdirSync(join(CHART, 'templates')).flatMap((file) =>
      documents(renderTemplate(readFileSync(join(CHART, 'templates', file), 'utf8'), { ...defaults, ...values })),
    );
  };

  it.each<[string, Values, InstallConfig]>([
    ['as it is', {}, {}],
    ['another image', { image: 'r.lan/kubevip:1' }, { image: 'r.lan/kubevip:1' }],
    ['an interface', { interface: 'eth1' }, { interface: 'eth1' }],
    ['the exclude label', { honorExcludeLabel: true }, { excludeLabel: 'honor' }],
    [
      'pools',
      { pools: { 'range-global': '10.0.0.1-10.0.0.9', 'cidr-home': '0.0.0.0/32' } },
      { pools: { global: '10.0.0.1-10.0.0.9', home: 'dhcp' } },
    ],
    [
      'an address for the API servers',
      { interface: 'eth1', controlPlane: { address: '10.0.0.9', port: 7443 } },
      { interface: 'eth1', controlPlane: { address: '10.0.0.9', port: 7443, interface: 'eth1' } },
    ],
    [
      'the same with the usual port',
      { controlPlane: { address: '10.0.0.9', port: 6443 } },
      { controlPlane: { address: '10.0.0.9' } },
    ],
  ])('is what install applies: %s', (_what, values, config) => {
    const wanted = JSON.parse(JSON.stringify(installObjects(config))) as Object[];
    expect(byName(render(values))).toEqual(byName(wanted));
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readConfig } from '../../../src/agent/config.ts';

interface Manifest {
  readonly kind: string;
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  readonly spec?: {
    readonly template: {
      readonly spec: {
        readonly hostNetwork: boolean;
        readonly containers: readonly {
          readonly env: readonly { readonly name: string; readonly value?: string }[];
          readonly securityContext: Readonly<Record<string, unknown>>;
        }[];
      };
    };
  };
}

const text = readFileSync(join(import.meta.dirname, '../../../deploy/kubevip.yaml'), 'utf8');
const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
const pod = manifests.find(({ kind }) => kind === 'DaemonSet')?.spec?.template.spec;
const container = pod?.containers[0];

describe('deploy/kubevip.yaml', () => {
  it('runs with all capabilities dropped but three, and cannot gain any', () => {
    expect(pod?.hostNetwork).toBe(true);
    expect(container?.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'] },
    });
  });

  it('gives the agent an environment that it accepts', () => {
    const env = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
    expect(readConfig(env, 'n1')).toMatchObject({ node: 'n1', listen: { port: 2112 } });
  });

  it('allows what the agent does, and of Secrets to read its own', () => {
    const rules = manifests.flatMap((manifest) => manifest.rules ?? []);
    const allowed = (resource: string): readonly string[] =>
      rules.filter(({ resources }) => resources.includes(resource)).flatMap(({ verbs }) => verbs);
    expect(allowed('services')).toEqual(expect.arrayContaining(['list', 'watch', 'patch']));
    expect(allowed('services/status')).toContain('patch');
    expect(allowed('endpointslices')).toContain('watch');
    expect(allowed('configmaps')).toContain('watch');
    expect(allowed('leases')).toEqual(expect.arrayContaining(['create', 'update', 'delete', 'watch']));
    expect(allowed('events')).toEqual(expect.arrayContaining(['create', 'patch']));
    expect(allowed('secrets')).toEqual(['get', 'list', 'watch', 'create']);
  });
});

/** Brings the password of BGP sessions to where agents and machines that join find it. */
import { BGP_SECRET, NAMESPACE } from '../../manifests/names.ts';
import type { KubeObject } from '../../model/kubernetes.ts';
import type { BootstrapConfig } from '../config.ts';
import type { Step } from '../engine/step.ts';
import { badPasswordFile, passwordKeys, readRouterPassword } from '../router-password.ts';
import { applyAll, askApi, VERIFY_TIMEOUT, withLocalApi, type StepParts } from './parts.ts';

export function routerPasswordStep(parts: StepParts, config: BootstrapConfig): Step {
  const keys = passwordKeys(config);
  const { bgpPasswordFile: path = '' } = config.controlPlane;
  return {
    id: 'bgp-password',
    title: 'give agents the password of the routers',
    explain: `Puts what is in ${path} into the Secret ${BGP_SECRET} in ${NAMESPACE}, under ${keys.join(', ')}.`,
    verify: async () => {
      const wanted = await readRouterPassword(parts.files, config);
      return askApi(async () =>
        withLocalApi(parts, config, async (api) => {
          const ref = { kind: 'Secret', name: BGP_SECRET, namespace: NAMESPACE };
          const data = dataOf(await api.find(ref, { timeoutMs: VERIFY_TIMEOUT }));
          // The file may be gone once it has been read.
          const isAsWanted = (key: string): boolean =>
            wanted === undefined ? data[key] !== undefined : data[key] === encoded(wanted);
          return keys.every(isAsWanted) ? 'done' : 'not';
        }),
      );
    },
    run: async (context) => {
      const password = await readRouterPassword(parts.files, config);
      if (password === undefined) throw badPasswordFile(path, 'is not there any more');
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: BGP_SECRET, namespace: NAMESPACE },
        data: Object.fromEntries(keys.map((key) => [key, encoded(password)])),
      };
      await withLocalApi(parts, config, async (api) => applyAll(api, [secret], context));
    },
    // It goes with the cluster, in which other machines may be by now.
    undo: () => Promise.resolve(),
  };
}

/** As Secrets have it. */
function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}

function dataOf(secret: KubeObject | undefined): Readonly<Record<string, string>> {
  return (secret as { readonly data?: Readonly<Record<string, string>> } | undefined)?.data ?? {};
}

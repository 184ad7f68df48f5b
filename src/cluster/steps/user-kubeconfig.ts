/** The way to the new cluster, in the kubeconfig of whoever sits there. */
import type { Json, Step } from '../engine/step.ts';
import { currentContext, leadsTo, mergeKubeconfig, unmergeKubeconfig } from '../kubeconfig.ts';
import { ADMIN_KUBECONFIG } from '../names.ts';
import { readKubeconfig, type Settings, type StepParts } from './parts.ts';

export interface KubeconfigOwner {
  readonly path: string;
  /** Of a file that is not there yet. Default: root. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

interface Facts {
  readonly path: string;
  readonly context: string;
  readonly existed: boolean;
  readonly folderExisted: boolean;
  /** Context that was the current one. */
  readonly current?: string;
}

export function userKubeconfigStep({ files }: StepParts, settings: Settings, user: KubeconfigOwner): Step {
  const merge = async (): Promise<{ readonly text: string; readonly context: string }> => {
    const [existing, admin] = [await files.read(user.path), await readKubeconfig(files, ADMIN_KUBECONFIG)];
    return mergeKubeconfig(existing, admin, (await settings()).clusterName);
  };
  return {
    id: 'kubeconfig',
    title: 'let kubectl find the cluster',
    explain: `Merges a context with the name of the cluster into ${user.path} and makes it the current one.`,
    observe: async (): Promise<Json> => {
      const current = currentContext((await files.read(user.path)) ?? '');
      return {
        path: user.path,
        context: (await merge()).context,
        existed: await files.exists(user.path),
        folderExisted: await files.exists(folderOf(user.path)),
        ...(current === undefined ? {} : { current }),
      };
    },
    verify: async (facts) => {
      const [existing, admin] = [await files.read(user.path), await files.read(ADMIN_KUBECONFIG)];
      const { context } = read(facts) ?? {};
      if (existing === undefined || admin === undefined || context === undefined) return 'not';
      return leadsTo(existing, context, admin) ? 'done' : 'not';
    },
    run: async ({ progress }) => {
      const { text, context } = await merge();
      // A file that is there stays whose it is.
      const owner = (await files.exists(user.path)) ? undefined : user.owner;
      await files.write(user.path, text, owner === undefined ? {} : { owner });
      progress(`context ${context} in ${user.path}`);
    },
    undo: async (_context, facts) => {
      const before = read(facts);
      const existing = before === undefined ? undefined : await files.read(before.path);
      if (before === undefined || existing === undefined) return;
      const rest = unmergeKubeconfig(existing, before.context, before.current);
      if (rest === undefined && !before.existed) {
        await files.remove(before.path);
        if (!before.folderExisted) await files.removeEmptyDirectory(folderOf(before.path));
        return;
      }
      await files.write(before.path, rest ?? 'apiVersion: v1\nkind: Config\n');
    },
  };
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function read(facts: Json): Facts | undefined {
  return typeof facts === 'object' && facts !== null && 'context' in facts ? (facts as unknown as Facts) : undefined;
}

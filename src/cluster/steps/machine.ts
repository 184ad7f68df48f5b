/** Remembers how the machine was, so that `reset` can leave it so. Undone last. */
import type { Json, Step } from '../engine/step.ts';
import { AGENT_FOLDER } from '../../manifests/names.ts';
import { KUBERNETES_FOLDER, MANIFESTS_FOLDER, PKI_FOLDER } from '../names.ts';
import { ruleTables, removeKubernetesRules } from '../network-rules.ts';
import type { StepParts } from './parts.ts';

/** Deepest first, as they are removed. */
const FOLDERS = [
  AGENT_FOLDER,
  MANIFESTS_FOLDER,
  `${PKI_FOLDER}/etcd`,
  PKI_FOLDER,
  `${KUBERNETES_FOLDER}/tmp`,
  KUBERNETES_FOLDER,
  '/var/lib/etcd',
  '/var/lib/kubelet',
  '/etc/modules-load.d',
  '/etc/sysctl.d',
] as const;

/** Where kubelet puts what pods say; `kubeadm reset` leaves it. */
const LOG_FOLDERS = ['/var/log/pods', '/var/log/containers'] as const;

/** What kubelet and kube-proxy set by themselves and leave so. */
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'net/ipv4/conf/all/route_localnet',
  'net/netfilter/nf_conntrack_max',
  'net/netfilter/nf_conntrack_tcp_timeout_established',
  'net/netfilter/nf_conntrack_tcp_timeout_close_wait',
  'net/netfilter/nf_conntrack_tcp_be_liberal',
] as const;

interface MachineFacts {
  readonly folders: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** nftables tables: `ip filter`. */
  readonly tables: readonly string[];
  /** What was in the folders of logs; null: there was no such folder. */
  readonly logs: Readonly<Record<string, readonly string[] | null>>;
}

export function machineStep({ files, commands }: StepParts): Step {
  return {
    id: 'machine',
    title: 'remember how this machine is',
    explain: 'Notes which folders, logs, kernel settings and packet filter tables are there now. Changes nothing.',
    observe: async (): Promise<Json> => {
      const there = await Promise.all(FOLDERS.map((folder) => files.exists(folder)));
      const values = await Promise.all(SYSCTLS.map((key) => files.read(`/proc/sys/${key}`)));
      return {
        folders: FOLDERS.filter((_, i) => there[i]),
        sysctls: Object.fromEntries(
          SYSCTLS.flatMap((key, i) => (values[i] === undefined ? [] : [[key, values[i].trim()]])),
        ),
        tables: await ruleTables(commands),
        logs: Object.fromEntries(
          await Promise.all(LOG_FOLDERS.map(async (folder) => [folder, (await files.list(folder)) ?? null] as const)),
        ),
      };
    },
    verify: (facts) => Promise.resolve(readFacts(facts) === undefined ? 'not' : 'done'),
    run: () => Promise.resolve(),
    undo: async ({ progress }, facts) => {
      const before = readFacts(facts) ?? { folders: FOLDERS, sysctls: {}, tables: [], logs: {} };
      progress('rules of kube-proxy and kubelet');
      await removeKubernetesRules(commands, before.tables, progress);
      progress('kernel settings');
      for (const [key, value] of Object.entries(before.sysctls)) {
        const path = `/proc/sys/${key}`;
        const now = (await files.read(path))?.trim();
        if (now !== undefined && now !== value) await files.overwrite(path, `${value}\n`);
      }
      progress('logs of pods');
      for (const [folder, names] of Object.entries(before.logs)) {
        for (const name of (await files.list(folder)) ?? []) {
          if (names?.includes(name) !== true) await files.removeTree(`${folder}/${name}`);
        }
        if (names === null) await files.removeEmptyDirectory(folder);
      }
      progress('empty folders');
      for (const folder of FOLDERS) {
        if (before.folders.includes(folder)) continue;
        // Nobody else's: what is still in it is a file that a kill left half-written.
        if (folder === AGENT_FOLDER) await files.removeTree(folder);
        else await files.removeEmptyDirectory(folder);
      }
    },
  };
}

function readFacts(facts: Json): MachineFacts | undefined {
  if (typeof facts !== 'object' || facts === null || !('folders' in facts)) return undefined;
  // A journal of an earlier version says nothing of logs: they stay.
  return { logs: {}, ...(facts as unknown as Omit<MachineFacts, 'logs'>) };
}

/** All that could be left on a node: what the kernel holds, files, processes. Sorted lines. */
import { join } from 'node:path';
import { runOrThrow } from '../../../src/lab/exec.ts';
import type { RealNode } from './node.ts';

const KERNEL = `
ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule
nft list ruleset; sysctl -a 2>/dev/null; bridge fdb; ip maddr
ps -eo args= | grep -v -e 'ps -eo' -e grep -e '^sh -c' -e '^sleep' -e '^sort' | sort -u
`;

/** Counters, lifetimes, and what the kernel of a quiet machine changes anyway. */
const MOVING = [
  /@if\d+/g,
  / (valid_lft|preferred_lft|expires|hoplimit|metric|users|packets|bytes|pref) \S+/g,
  /^(fs\.|kernel\.|vm\.|dev\.|net\.netfilter\.|net\.core\.|net\.ipv4\.tcp_fastopen_key|user\.).*$/gm,
];

/** These belong to the machine, not to the cluster: images and logs of containerd, and what is made at each start. */
const MACHINE = /^(f|d) \S+ (var\/log\/(containerd|kubelet)\.log|var\/lib\/containerd\b|etc\/containerd\b)/;

export async function realSnapshot(node: RealNode): Promise<string[]> {
  const kernel = await node.must(['sh', '-c', KERNEL], { maxBytes: 8 * 1024 * 1024 });
  const files: string[] = [];
  for (const [folder, prefix] of [
    ['overlay/etc/upper', 'etc/'],
    ['overlay/var/upper', 'var/'],
    ['overlay/opt/upper', 'opt/'],
    ['overlay/root/upper', 'root/'],
    ['overlay/usr-local/upper', 'usr/local/'],
    ['disk/kubelet', 'var/lib/kubelet/'],
    ['disk/etcd', 'var/lib/etcd/'],
  ] as const) {
    const root = join(node.folder, folder);
    files.push(...(await runOrThrow(['find', root, '-mindepth', '1', '-printf', `%y %m ${prefix}%P\n`])).split('\n'));
  }
  const text = MOVING.reduce((all, moving) => all.replaceAll(moving, ''), kernel);
  return [...text.split('\n'), ...files]
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '}' && !MACHINE.test(line))
    .sort();
}

/** What an earlier cluster left behind. */
import { error, fine, warn, type Finding } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

const MANIFESTS = '/etc/kubernetes/manifests';
const CONTROL_PLANE = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];
const CNI_CONFIG = '/etc/cni/net.d';
const CNI_LINKS = /^(cni\d|flannel\.\d+|cilium_|vxlan\.calico|weave)/;

export const leftovers: Check = {
  id: 'leftovers',
  notWhenResuming: true,
  run: async ({ machine, lan, request }) => {
    const findings: Finding[] = [];
    const member = await firstThere(machine, [
      '/etc/kubernetes/kubelet.conf',
      '/etc/kubernetes/bootstrap-kubelet.conf',
    ]);
    if (member !== undefined) {
      findings.push(
        error('leftover-node', {
          what: `this machine is, or was, a node of a cluster (${member})`,
          why: 'A node is in one cluster only.',
          remedy: 'kubevip reset',
        }),
      );
    }
    const files = await filesOf(machine, request.role);
    if (member === undefined && files.length > 0) {
      findings.push(
        error('leftover-files', {
          what: `there are files of an earlier cluster: ${files.join(', ')}`,
          why: 'kubeadm refuses to go on, or takes keys of a cluster that is gone.',
          remedy: 'kubevip reset',
        }),
      );
    }
    const etcd = await machine.list('/var/lib/etcd');
    if (request.role !== 'worker' && etcd !== undefined && etcd.length > 0) {
      findings.push(
        error('leftover-etcd', {
          what: `/var/lib/etcd holds the data of an earlier cluster (${etcd.join(', ')})`,
          why: 'kubeadm refuses to go on.',
          remedy: 'kubevip reset; to keep them: mv /var/lib/etcd /var/lib/etcd.old',
        }),
      );
    }
    findings.push(...(await networkOf(machine, lan.links())));
    const traces = await machine.ownTraces();
    if (traces.length > 0) {
      findings.push(
        warn('leftover-kubevip', {
          what: `an agent of kubevip is running here or has left something: ${traces.join(', ')}`,
          why: 'This machine would answer for addresses that others may have by now.',
          remedy: 'kubevip reset',
        }),
      );
    }
    return findings.length > 0 ? findings : [fine('leftovers', 'nothing of an earlier cluster is left')];
  },
};

async function filesOf(machine: MachineProbe, role: string): Promise<string[]> {
  const manifests = ((await machine.list(MANIFESTS)) ?? []).filter((name) => /\.(ya?ml|json)$/.test(name));
  // kubeadm bears foreign manifests at init, and none at join.
  const found = manifests
    .filter((name) => role !== 'init' || CONTROL_PLANE.some((pod) => name.startsWith(pod)))
    .map((name) => `${MANIFESTS}/${name}`);
  const others = ['/etc/kubernetes/pki/ca.crt', ...(role === 'worker' ? [] : ['/etc/kubernetes/admin.conf'])];
  // A certificate authority of one's own may be put in place before init.
  const foreign = role === 'init' ? others.slice(1) : others;
  for (const path of foreign) if (await machine.exists(path)) found.push(path);
  return found;
}

async function networkOf(machine: MachineProbe, links: readonly { readonly name: string }[]): Promise<Finding[]> {
  const configs = ((await machine.list(CNI_CONFIG)) ?? []).filter((name) => /\.(conf|conflist|json)$/.test(name));
  const old = links.map(({ name }) => name).filter((name) => CNI_LINKS.test(name));
  const findings: Finding[] = [];
  if (configs.length > 0) {
    findings.push(
      warn('leftover-cni', {
        what: `there is a network for pods already: ${configs.map((name) => `${CNI_CONFIG}/${name}`).join(', ')}`,
        why: 'If it is of an earlier cluster, pods get addresses that lead nowhere.',
        remedy: `if it is old: rm ${configs.map((name) => `${CNI_CONFIG}/${name}`).join(' ')}`,
      }),
    );
  }
  if (old.length > 0) {
    findings.push(
      warn('leftover-links', {
        what: `there are interfaces of an earlier network for pods: ${old.join(', ')}`,
        why: 'A network that wants other addresses on them does not start.',
        remedy: old.map((name) => `ip link delete ${name}`).join(' && '),
      }),
    );
  }
  return findings;
}

async function firstThere(machine: MachineProbe, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await machine.exists(path)) return path;
  return undefined;
}

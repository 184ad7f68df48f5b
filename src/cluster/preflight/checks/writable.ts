/** Folders that are written to. */
import { STATE_FOLDER } from '../../names.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

const FOLDERS = [
  { path: '/etc/kubernetes', of: 'certificates and manifests' },
  { path: '/var/lib/kubelet', of: 'kubelet' },
  { path: STATE_FOLDER, of: 'the journal of kubevip' },
  { path: '/var/lib/etcd', of: 'etcd', controlPlane: true },
  { path: '/etc/cni/net.d', of: 'the network of pods' },
  { path: '/opt/cni/bin', of: 'the programs of the network of pods', lenient: true },
  // kube-controller-manager mounts it, and makes it if need be.
  { path: '/usr/libexec/kubernetes', of: 'plugins for volumes', controlPlane: true, lenient: true },
];

export const writable: Check = {
  id: 'writable',
  run: async ({ machine, request }) => {
    // What root may not the others may not either, and that is said already.
    if (machine.facts().uid !== 0) return [];
    const findings: Finding[] = [];
    for (const { path, of, controlPlane, lenient } of FOLDERS) {
      if (controlPlane === true && request.role === 'worker') continue;
      const state = await machine.writability(path);
      if (state === 'yes') continue;
      const mount = await mountOf(machine, path);
      const text = {
        what:
          state === 'read-only' ? `${path} is on a read-only file system (${mount})` : `${path} cannot be written to`,
        why: `It is the place of ${of}.`,
        remedy: state === 'read-only' ? `mount -o remount,rw ${mount}` : `ls -ld ${path} && lsattr -d ${path}`,
      };
      const id = `writable${path.replaceAll('/', '-')}`;
      findings.push(lenient === true ? warn(id, text) : error(id, text));
    }
    return findings.length > 0 ? findings : [fine('writable', 'the folders of Kubernetes can be written to')];
  },
};

async function mountOf(machine: MachineProbe, path: string): Promise<string> {
  const points = ((await machine.read('/proc/mounts')) ?? '').split('\n').map((line) => line.split(' ')[1] ?? '');
  const above = points.filter((point) => point === '/' || path === point || path.startsWith(`${point}/`));
  return above.filter(Boolean).toSorted((a, b) => b.length - a.length)[0] ?? '/';
}

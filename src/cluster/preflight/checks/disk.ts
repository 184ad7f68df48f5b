/** Room for images, etcd and logs. */
import { error, fine, warn, type Finding } from '../finding.ts';
import type { Check } from '../request.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const PLACES = [
  { path: '/var/lib/containerd', holds: 'images and containers', error: 2 * GIB, warn: 10 * GIB },
  { path: '/var/lib/kubelet', holds: 'volumes and logs of pods', error: GIB, warn: 5 * GIB },
  { path: '/var/lib/etcd', holds: 'the state of the cluster', error: GIB, warn: 3 * GIB, controlPlane: true },
  { path: '/etc/kubernetes', holds: 'certificates and manifests', error: 16 * MIB, warn: 64 * MIB },
];

export const disk: Check = {
  id: 'disk',
  run: async ({ machine, request }) => {
    const findings: Finding[] = [];
    for (const { path, holds, error: least, warn: good, controlPlane } of PLACES) {
      if (controlPlane === true && request.role === 'worker') continue;
      const free = await machine.freeBytes(path);
      if (free === undefined || free >= good) continue;
      const text = {
        what: `${amount(free)} are free where ${path} lies`,
        why: `It holds ${holds}: ${amount(least)} are needed, ${amount(good)} are good to have.`,
        remedy: `df -h ${await nearest(machine, path)}; to make room: journalctl --vacuum-size=100M && apt-get clean`,
      };
      findings.push(
        free < least ? error(`disk${path.replaceAll('/', '-')}`, text) : warn(`disk${path.replaceAll('/', '-')}`, text),
      );
    }
    return findings.length > 0 ? findings : [fine('disk', 'there is room for images, etcd and logs')];
  },
};

function amount(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.floor(bytes / MIB)} MiB`;
}

async function nearest(machine: { exists(path: string): Promise<boolean> }, path: string): Promise<string> {
  let at = path;
  while (at !== '' && !(await machine.exists(at))) at = at.slice(0, at.lastIndexOf('/'));
  return at === '' ? '/' : at;
}

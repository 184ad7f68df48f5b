/** kubeadm's own demands on a control plane. */
import { error, fine, type Finding } from '../finding.ts';
import type { Check } from '../request.ts';

const CPUS = 2;
const MEMORY_MIB = 1700;

export const resources: Check = {
  id: 'resources',
  roles: ['init', 'control-plane'],
  run: ({ machine }) => {
    const { cpus, memoryBytes } = machine.facts();
    const mib = Math.floor(memoryBytes / 2 ** 20);
    const findings: Finding[] = [];
    if (cpus < CPUS) {
      findings.push(
        error('cpus', {
          what: `this machine has ${cpus} CPU, a control plane needs ${CPUS}`,
          why: 'kubeadm refuses to go on.',
          remedy: 'make it a worker: kubevip join --worker; or put NumCPU into kubeadm.ignorePreflightErrors',
        }),
      );
    }
    if (mib < MEMORY_MIB) {
      findings.push(
        error('memory', {
          what: `this machine has ${mib} MiB of memory, a control plane needs ${MEMORY_MIB}`,
          why: 'kubeadm refuses to go on.',
          remedy: 'make it a worker: kubevip join --worker; or put Mem into kubeadm.ignorePreflightErrors',
        }),
      );
    }
    return findings.length > 0 ? findings : [fine('resources', `${cpus} CPUs and ${mib} MiB of memory`)];
  },
};

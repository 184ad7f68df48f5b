/** overlay for the container runtime, br_netfilter for Services among pods of one node. */
import { installCommand } from '../distro.ts';
import { error, fine, warn, type Finding, type ProblemText } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

/** Loaded again at every boot. */
const AT_BOOT = '/etc/modules-load.d/kubevip.conf';

const MODULES = [
  {
    name: 'overlay',
    why: 'Container images are mounted with overlayfs.',
    works: async (machine: MachineProbe) => /\boverlay$/m.test((await machine.read('/proc/filesystems')) ?? ''),
    vital: true,
  },
  {
    name: 'br_netfilter',
    why: 'Without it a pod does not reach a Service whose pod is on the same node.',
    works: (machine: MachineProbe) => machine.exists('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    vital: false,
  },
];

export const kernelModules: Check = {
  id: 'kernel-modules',
  run: async ({ machine }) => await Promise.all(MODULES.map((module) => look(module, machine))),
};

async function look({ name, why, works, vital }: (typeof MODULES)[number], machine: MachineProbe): Promise<Finding> {
  const id = `module-${name}`;
  if (await works(machine)) return fine(id, `the kernel has ${name}`);
  if ((await machine.which('modprobe')) === undefined) {
    return error(id, {
      what: `${name} is not in the kernel, and there is no modprobe to load it`,
      why,
      remedy: `${await installCommand(machine, 'kmod')} && modprobe ${name}`,
    });
  }
  const loadable = (await machine.run('modprobe', ['--dry-run', name]))?.code === 0;
  if (loadable) {
    return error(id, {
      what: `the kernel module ${name} is not loaded`,
      why,
      remedy: `modprobe ${name} && echo ${name} >> ${AT_BOOT}`,
      fix: {
        changes: [
          { kind: 'module', name },
          { kind: 'line', path: AT_BOOT, line: name },
        ],
      },
    });
  }
  const text: ProblemText = {
    what: `this kernel has no ${name}`,
    why,
    remedy: `boot a kernel of the distribution that has it: modprobe ${name}`,
  };
  // Some networks of pods do without a bridge.
  return vital ? error(id, text) : warn(id, text);
}

/** Linux on a processor that there are images for, and a kernel that kubelet runs on. */
import { error, fine } from '../finding.ts';
import type { Check } from '../request.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** As kubeadm's own check has it. */
const OLDEST_KERNEL = { major: 4, minor: 19 };

export const platform: Check = {
  id: 'platform',
  run: ({ machine }) => {
    const { platform: system, arch, kernel } = machine.facts();
    if (system !== 'linux') {
      return [
        error('platform', {
          what: `this is ${system}, not Linux`,
          why: 'Nodes of Kubernetes that carry a control plane run Linux.',
          remedy: 'run kubevip on a machine (or in a virtual machine) with Linux: uname -s',
        }),
      ];
    }
    const known = ARCHITECTURES[arch];
    if (known === undefined) {
      return [
        error('platform', {
          what: `the processor is ${arch}`,
          why: 'There are images for amd64 and arm64 only.',
          remedy: 'use a 64-bit system: uname -m shall say x86_64 or aarch64',
        }),
      ];
    }
    const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
    if (major < OLDEST_KERNEL.major || (major === OLDEST_KERNEL.major && minor < OLDEST_KERNEL.minor)) {
      return [
        error('kernel', {
          what: `Linux ${kernel} is older than ${OLDEST_KERNEL.major}.${OLDEST_KERNEL.minor}`,
          why: 'kubelet refuses to start on it.',
          remedy: 'upgrade the system and reboot; then: uname -r',
        }),
      ];
    }
    return [fine('platform', `Linux ${kernel} on ${known}`)];
  },
};

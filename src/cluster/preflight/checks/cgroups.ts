/** Control groups: which version, and whether the controllers are there that kubelet needs. */
import { parseKubernetesVersion } from '../../kubernetes-version.ts';
import { error, fine, warn, type Finding, type ProblemText } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

/** From this minor release on kubelet starts on version 1 only with `failCgroupV1: false`. */
const REFUSES_V1 = 35;
const NEEDED = { v2: ['cpu', 'cpuset', 'memory', 'pids'], v1: ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids'] };
const RASPBERRY = '/boot/firmware/cmdline.txt';

export const cgroups: Check = {
  id: 'cgroups',
  run: async ({ machine, request }) => {
    const version = await versionOf(machine);
    if (version === undefined) {
      return [
        error('cgroups', {
          what: 'no control groups are mounted on /sys/fs/cgroup',
          why: 'kubelet limits pods by them and does not start without.',
          remedy: 'mount -t cgroup2 none /sys/fs/cgroup',
        }),
      ];
    }
    const findings: Finding[] = [];
    const there = await controllers(machine, version);
    const missing = NEEDED[version].filter((name) => !there.has(name));
    if (missing.length > 0) findings.push(await missingControllers(machine, missing));
    if (version === 'v1') findings.push(...(await onVersion1(machine, request.kubelet?.failCgroupV1)));
    return findings.length > 0 ? findings : [fine('cgroups', 'control groups version 2, with every controller needed')];
  },
};

/** As kubeadm's own check tells them apart. */
async function versionOf(machine: MachineProbe): Promise<'v1' | 'v2' | undefined> {
  const mounts = ((await machine.read('/proc/mounts')) ?? '').split('\n').map((line) => line.split(' '));
  const unified = mounts.find(([, path]) => path === '/sys/fs/cgroup')?.[2];
  if (unified === 'cgroup2') return 'v2';
  return unified !== undefined || mounts.some(([, , type]) => type === 'cgroup') ? 'v1' : undefined;
}

async function controllers(machine: MachineProbe, version: 'v1' | 'v2'): Promise<ReadonlySet<string>> {
  if (version === 'v2')
    return new Set(((await machine.read('/sys/fs/cgroup/cgroup.controllers')) ?? '').trim().split(/\s+/));
  const lines = ((await machine.read('/proc/cgroups')) ?? '').split('\n').filter((line) => !line.startsWith('#'));
  const enabled = lines.map((line) => line.split(/\s+/)).filter(([, , , on]) => on === '1');
  return new Set(enabled.map(([name = '']) => name));
}

async function missingControllers(machine: MachineProbe, missing: readonly string[]): Promise<Finding> {
  // The firmware of a Raspberry Pi switches the memory controller off.
  const raspberry = missing.includes('memory') && (await machine.exists(RASPBERRY));
  return error('cgroup-controllers', {
    what: `control groups lack ${missing.join(', ')}`,
    why: 'kubelet limits pods by them and does not start without.',
    remedy: raspberry
      ? `sed -i '1s/$/ cgroup_enable=memory cgroup_memory=1/' ${RASPBERRY} && reboot`
      : `add cgroup_enable=${missing[0] ?? ''} to the kernel's command line and reboot: cat /proc/cmdline`,
  });
}

/** kubelet is told to put up with it by `init` and `join`; kubeadm has to be told by the user. */
async function onVersion1(machine: MachineProbe, failCgroupV1: boolean | undefined): Promise<Finding[]> {
  const kubelet = parseKubernetesVersion((await machine.run('kubelet', ['--version']))?.stdout ?? '');
  const refuses = kubelet !== undefined && kubelet.minor >= REFUSES_V1;
  const reboot = `sed -i 's/^GRUB_CMDLINE_LINUX="/&systemd.unified_cgroup_hierarchy=1 /' /etc/default/grub && update-grub && reboot`;
  const text: ProblemText = refuses
    ? {
        what: `control groups are of version 1, and kubelet is ${kubelet.text}`,
        why:
          failCgroupV1 === true
            ? 'kubelet is told not to start on it (failCgroupV1: true).'
            : 'From v1.35 on kubeadm refuses to go on; kubelet is told to put up with it (failCgroupV1: false).',
        remedy: `${reboot}; or --ignore-preflight-errors SystemVerification`,
      }
    : { what: 'control groups are of version 1', why: 'Kubernetes will drop them.', remedy: reboot };
  return [refuses ? error('cgroup-v1', text) : warn('cgroup-v1', text)];
}

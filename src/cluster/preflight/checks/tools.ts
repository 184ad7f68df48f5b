/** Programs of the system that kubelet and kubeadm call. */
import { installCommand } from '../distro.ts';
import { error, fine, type Finding } from '../finding.ts';
import { parseKubernetesVersion } from '../../kubernetes-version.ts';
import type { Check } from '../request.ts';

const NEEDED: Readonly<Record<string, string>> = {
  mount: 'mount',
  losetup: 'mount',
  cp: 'coreutils',
  ip: 'iproute2',
};
/** kube-proxy calls conntrack(8) before this minor release. */
const WITHOUT_CONNTRACK = 32;

export const tools: Check = {
  id: 'tools',
  run: async ({ machine, request }) => {
    const version = parseKubernetesVersion(
      request.kubernetesVersion ?? (await machine.run('kubeadm', ['version', '-o', 'short']))?.stdout ?? '',
    );
    const wanted = new Map(Object.entries(NEEDED));
    if (version !== undefined && version.minor < WITHOUT_CONNTRACK) wanted.set('conntrack', 'conntrack');
    const findings: Finding[] = [];
    for (const [program, name] of wanted) {
      if ((await machine.which(program)) !== undefined) continue;
      findings.push(
        error(`tool-${program}`, {
          what: `the program ${program} is not installed`,
          why: 'kubelet, kubeadm or kube-proxy call it.',
          remedy: await installCommand(machine, name),
        }),
      );
    }
    return findings.length > 0 ? findings : [fine('tools', `${[...wanted.keys()].join(', ')} are there`)];
  },
};

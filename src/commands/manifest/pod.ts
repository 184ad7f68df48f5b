import { kubeVipFlags } from '../../cli/kube-vip-flags.ts';
import { ManifestCommand } from '../../cli/manifest-command.ts';
import { kubeVipPod } from '../../manifests/kube-vip/pod.ts';
import type { Given } from '../../manifests/kube-vip/read.ts';

export class ManifestPod extends ManifestCommand {
  static override summary = 'Print a static pod, from kube-vip’s flags';
  static override description =
    'The flags, environment variables and names are kube-vip’s; docs/compatibility.md has every difference. A flag wins ' +
    'over its variable. What is not right is refused, and nothing printed.';
  static override usage = 'manifest pod [FLAGS]';
  static override examples = [
    {
      description: 'The address of a control plane, announced by ARP:',
      command: '<%= config.bin %> manifest pod --address 192.168.1.10 --controlplane --arp --leaderElection',
    },
    {
      description: 'The same for kube-vip itself:',
      command:
        '<%= config.bin %> manifest pod --image ghcr.io/kube-vip/kube-vip:v1.2.3 --interface eth0 --address 192.168.1.10 --controlplane --arp --leaderElection',
    },
  ];
  static override flags = kubeVipFlags('taint', 'role', 'rolebinding', 'config');

  protected override objects(given: Given): ReturnType<typeof kubeVipPod>[] {
    return [kubeVipPod(given)];
  }
}

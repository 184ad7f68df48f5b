import { kubeVipFlags } from '../../cli/kube-vip-flags.ts';
import { ManifestCommand } from '../../cli/manifest-command.ts';
import { kubeVipPod } from '../../manifests/kube-vip/pod.ts';
import type { Given } from '../../manifests/kube-vip/read.ts';

export class KubeadmJoin extends ManifestCommand {
  static override summary = 'Print a static pod to be placed after `kubeadm join`, from kube-vip’s flags';
  static override description =
    'The same as `manifest pod`, since people’s scripts call it; it reads nothing of this machine. `kubevip join` needs no such step.';
  static override usage = 'kubeadm join [FLAGS]';
  static override examples = [
    '<%= config.bin %> kubeadm join --address 192.168.1.10 --controlplane --arp --leaderElection',
  ];
  static override flags = kubeVipFlags('taint', 'role', 'rolebinding');

  protected override objects(given: Given): ReturnType<typeof kubeVipPod>[] {
    return [kubeVipPod(given, 'kubeadm')];
  }
}

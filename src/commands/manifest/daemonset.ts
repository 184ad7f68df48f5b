import { kubeVipFlags } from '../../cli/kube-vip-flags.ts';
import { ManifestCommand } from '../../cli/manifest-command.ts';
import { kubeVipDaemonSet } from '../../manifests/kube-vip/pod.ts';
import type { Given } from '../../manifests/kube-vip/read.ts';

export class ManifestDaemonset extends ManifestCommand {
  static override summary = 'Print a DaemonSet, from kube-vip’s flags';
  static override description =
    'As `manifest pod`. With --inCluster it uses the ServiceAccount of `manifest rbac`; with --taint it runs on control ' +
    'planes alone.';
  static override usage = 'manifest daemonset [FLAGS]';
  static override examples = [
    {
      description: 'Addresses for Services:',
      command: '<%= config.bin %> manifest daemonset --services --arp --leaderElection --inCluster',
    },
  ];
  static override flags = kubeVipFlags('role', 'rolebinding', 'config');

  protected override objects(given: Given): ReturnType<typeof kubeVipDaemonSet>[] {
    return [kubeVipDaemonSet(given)];
  }
}

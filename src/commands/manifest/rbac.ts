import { kubeVipFlags } from '../../cli/kube-vip-flags.ts';
import { ManifestCommand } from '../../cli/manifest-command.ts';
import { kubeVipRbac } from '../../manifests/kube-vip/rbac.ts';
import type { Given } from '../../manifests/kube-vip/read.ts';

export class ManifestRbac extends ManifestCommand {
  static override summary = 'Print the ServiceAccount of `manifest daemonset --inCluster` and what it may do';
  static override description = 'What our agent needs and no more; with --image, what kube-vip asks for.';
  static override usage = 'manifest rbac [FLAGS]';
  static override examples = ['<%= config.bin %> manifest rbac | kubectl apply -f -'];
  static override flags = kubeVipFlags('taint', 'config', 'inCluster');

  protected override objects(given: Given): ReturnType<typeof kubeVipRbac> {
    return kubeVipRbac(given);
  }
}

import { Flags } from '@oclif/core';
import { kubeVipFlags } from '../../cli/kube-vip-flags.ts';
import { ManifestCommand } from '../../cli/manifest-command.ts';
import { kubeadmControlPlane } from '../../manifests/kubeadm-control-plane.ts';
import { kubeVipPod } from '../../manifests/kube-vip/pod.ts';
import type { Given } from '../../manifests/kube-vip/read.ts';
import type { AnyManifest } from '../../manifests/objects.ts';

export class ManifestKubeadmControlPlane extends ManifestCommand {
  static override summary = 'Print a static pod as Cluster API’s KubeadmControlPlane takes it, from kube-vip’s flags';
  static override description =
    'The file of `manifest pod` in `spec.kubeadmConfigSpec.files`, and the commands that let it in while the first ' +
    'machine makes the cluster. Merge it into the KubeadmControlPlane of the cluster: its lists go on, they are not ' +
    'replaced. `controlPlaneEndpoint.host` of the cluster is the address.';
  static override usage = 'manifest kubeadm-control-plane [FLAGS]';
  static override examples = [
    {
      description: 'The address of the control planes, told to a router by BGP:',
      command:
        '<%= config.bin %> manifest kubeadm-control-plane --cluster home --address 198.51.100.10 --controlplane --bgp --localAS 65000 --bgppeers 10.0.0.1:65001',
    },
  ];
  static override flags = {
    ...kubeVipFlags('taint', 'role', 'rolebinding', 'config'),
    cluster: Flags.string({
      helpValue: 'NAME',
      description: 'Name of the cluster: its KubeadmControlPlane is NAME-control-plane',
      default: '${CLUSTER_NAME}',
    }),
  };

  protected override objects(given: Given): readonly AnyManifest[] {
    return [kubeVipPod(given, 'kubeadm')];
  }

  protected override printed(
    objects: readonly AnyManifest[],
    { cluster }: Readonly<Record<string, unknown>>,
  ): readonly object[] {
    return objects.flatMap((object) =>
      object.kind === 'Pod' ? [kubeadmControlPlane(object, `${String(cluster)}-control-plane`)] : [],
    );
  }
}

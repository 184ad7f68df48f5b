/**
 * The rules of kubeadm that matter to whoever wraps it, by version. Sources are files below cmd/kubeadm/app of
 * Kubernetes v1.36.2, and pull requests of kubernetes/kubernetes for what was different before.
 */

export interface KubeadmRules {
  readonly version: string;
  /**
   * All phases of `init` after the control plane has started talk to the control-plane endpoint, so it has to answer
   * before `init` can go on. Otherwise they talk to the API server of the node itself: cmd/init.go, KubeConfig(), since
   * #138449 of v1.37, which the releases of v1.34, v1.35 and v1.36 from May 2026 on have too, and v1.33 never got.
   */
  readonly endpointDuringInit: boolean;
  /**
   * admin.conf is of group `kubeadm:cluster-admins`, powerless until `init` has bound it by means of super-admin.conf:
   * phases/kubeconfig/kubeconfig.go, EnsureAdminClusterRoleBinding, since v1.29. Before, it was of `system:masters`.
   */
  readonly superAdmin: boolean;
  /**
   * A new etcd member is a learner until it has started, so that it cannot cost the quorum: phases/etcd/local.go,
   * CreateStackedEtcdStaticPodManifestFile; feature gate EtcdLearnerMode, on since v1.29.
   */
  readonly etcdLearner: boolean;
  /**
   * `join` refuses a manifests folder with anything in it. Since v1.23 (#104942) only the manifests that it would write
   * itself, and these only on a control plane: preflight/checks.go, InitNodeChecks.
   */
  readonly manifestsEmptyAtJoin: boolean;
  /**
   * The kubelet of a control plane talks to the API server of its own node: feature gate ControlPlaneKubeletLocalMode,
   * on since v1.33. `join` then starts etcd before it waits for the kubelet.
   */
  readonly kubeletLocal: boolean;
  /** Versions of the configuration API that are read. */
  readonly configVersions: readonly string[];
}

const LOCAL_SINCE: Readonly<Record<number, number>> = { 34: 8, 35: 5, 36: 1 };

/** @param version `v1.36.2` */
export function rulesOf(version: string): KubeadmRules {
  const [, minor = 0, patch = 0] = (/^v1\.(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  const localSince = LOCAL_SINCE[minor];
  return {
    version,
    endpointDuringInit: minor < 37 && (localSince === undefined || patch < localSince),
    superAdmin: minor >= 29,
    etcdLearner: minor >= 29,
    manifestsEmptyAtJoin: minor < 23,
    kubeletLocal: minor >= 33,
    configVersions: minor >= 31 ? ['v1beta4', 'v1beta3'] : ['v1beta3'],
  };
}

/** What is put into the cluster, made from the configuration. */
import type { KubeObject } from '../../model/kubernetes.ts';
import type { BootstrapConfig } from '../config.ts';

export interface ManifestSource {
  /**
   * The agent that holds the VIP of the control plane, as a static pod in YAML.
   * @param at how it reaches the API server of its own node.
   */
  staticPod(config: BootstrapConfig, at: { readonly kubeconfig: string }): string;
  /** What that agent may do, bound to the group of its certificate. */
  controlPlaneRbac(group: string): readonly KubeObject[];
  /** The services part: account, rights, pools, DaemonSet. */
  services(config: BootstrapConfig): readonly KubeObject[];
}

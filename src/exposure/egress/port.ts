/** Beside the pipeline: connections that the pods of a Service begin leave its owner in the name of its address. */
import type { Ip } from '../../model/ip.ts';

/** Which packets are meant, of those that leave the cluster. */
export interface EgressLimits {
  /** Destinations; none: all. */
  readonly ports: readonly { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port: number }[];
  /** Prefixes that do not overlap (`10.0.0.0/8`); none: everywhere. */
  readonly allowed: readonly string[];
  /** Likewise, of destinations that see the pods as they would anyway. */
  readonly denied: readonly string[];
}

/** Pods of one Service, and the address of ours that they have outside. All of one family. */
export interface EgressRule extends EgressLimits {
  readonly address: Ip;
  readonly pods: readonly Ip[];
  /** Connections that stand when the rule comes are cut, so that they are made anew in the name of the address. */
  readonly cuts: boolean;
}

export interface Egress {
  readonly rules: readonly EgressRule[];
  /** The cluster itself, of either family: prefixes that do not overlap, and addresses outside of them. */
  readonly inside: readonly string[];
}

/** The kernel's rules, ahead of the network plugin's and marked as ours. */
export interface EgressTable {
  /**
   * The whole of what shall hold, in one transaction; nothing of it stays in the kernel without rules. Rules run out by
   * themselves when they are not set again. Connections in the name of an address that is not here any more are cut.
   */
  set(egress: Egress): Promise<void>;
}

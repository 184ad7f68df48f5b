/** The stage of endpoints: traffic for our addresses goes to pods that can answer, also where a node has just died. */
import type { Ip } from '../../model/ip.ts';

/** A pod, by address and port. */
export interface Backend {
  readonly ip: Ip;
  readonly port: number;
}

/** One port of one address of ours, for which kube-proxy would still choose pods on dead nodes. */
export interface Detour {
  readonly address: Ip;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  /** Where traffic from other machines and from pods goes instead. None: it is left to kube-proxy. */
  readonly outside: readonly Backend[];
  /** Where that of the node itself goes. None: likewise. */
  readonly inside: readonly Backend[];
  /** Traffic from outside goes on in the name of this node (externalTrafficPolicy Cluster). */
  readonly masquerade: boolean;
  /** All of one client's connections go to the same pod, as far as a hash of its address does that. */
  readonly sticky: boolean;
  /** Prefixes (`10.0.0.0/8`) of the clients that may come; of others nothing is said. None: everybody. */
  readonly sources: readonly string[];
}

/** The kernel's rules for detours, ahead of kube-proxy's and marked as ours. */
export interface DetourTable {
  /** The whole of what shall hold, in one transaction; nothing of it stays in the kernel for an empty list. */
  set(detours: readonly Detour[]): Promise<void>;
}

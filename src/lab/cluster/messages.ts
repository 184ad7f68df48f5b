/** What the cluster process and the machine process on each node say to each other, over Node's IPC channel. */

/** A container that shall run: one server per port and address of the pod. */
export interface PodToRun {
  readonly uid: string;
  readonly name: string;
  readonly ips: readonly string[];
  readonly ports: readonly PodPort[];
}

export interface PodPort {
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** To the machine. Both carry the whole of what is wanted. */
export type ToMachine =
  { readonly type: 'pods'; readonly pods: readonly PodToRun[] } | { readonly type: 'rules'; readonly ruleset: string };

/** From the machine. */
export type FromMachine =
  /** It has started, and wants to be told. */
  | { readonly type: 'hello' }
  /** Uids of the pods that serve. */
  | { readonly type: 'running'; readonly uids: readonly string[] }
  | { readonly type: 'problem'; readonly message: string };

/** Beside the pipeline: labels on Node objects that say which addresses a node has, as kube-vip writes them. */

/** Labels of a node; undefined as a value: to be taken away. */
export type Labels = Readonly<Record<string, string | undefined>>;

export interface NodeLabelStore {
  /** Labels by name of the node, of this node and of all that may carry ours. @throws KubevipError */
  read(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>;
  /** Nothing else of the node is changed; a node that is gone is no error. @throws KubevipError */
  patch(node: string, labels: Labels): Promise<void>;
}

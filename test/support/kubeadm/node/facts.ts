/** What the programs on a node know about their world; written by it before anything starts there. */
import { appendFileSync, readFileSync } from 'node:fs';

export interface NodeFacts {
  readonly name: string;
  /** Address on `eth0`. */
  readonly ip: string;
  /** Of kubeadm, kubelet and all images. */
  readonly version: string;
  /** The socket of the process in which the cluster lives. */
  readonly control: string;
  /** One JSON object a line: what has been called on this node. Outside of the node, so that it survives a reset. */
  readonly trace: string;
  /** Multiplies all of kubeadm's time-outs. */
  readonly patience: number;
}

const FACTS_FILE = '/run/stand-in/node.json';

export function readFacts(): NodeFacts {
  return JSON.parse(readFileSync(FACTS_FILE, 'utf8')) as NodeFacts;
}

export type Trace = Readonly<Record<string, unknown>> & { readonly event: string };

export function trace(facts: NodeFacts, entry: Trace): void {
  appendFileSync(facts.trace, `${JSON.stringify(entry)}\n`);
}

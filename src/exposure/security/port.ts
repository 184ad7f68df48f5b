/** Beside the pipeline: what comes to an address of ours at other ports than its Services' is dropped. */
import type { Ip } from '../../model/ip.ts';
import type { Protocol } from '../../model/kubernetes.ts';

/** An address, and all that may come to it besides ICMP and answers to what went out from it. */
export interface GuardedAddress {
  readonly address: Ip;
  readonly ports: readonly { readonly protocol: Protocol; readonly port: number }[];
}

/** The kernel's rules, marked as ours. */
export interface PortFilter {
  /**
   * The whole of what shall hold, in one transaction; nothing of it stays in the kernel for an empty list. Called again
   * with the same it is cheap, and puts back what a firewall's reload has flushed.
   */
  set(addresses: readonly GuardedAddress[]): Promise<void>;
}

/** A routing table that no rule looks into: a routing daemon of this node reads it and tells others (BIRD, FRR). */
import type { Ip } from '../../../../model/ip.ts';

/** All calls are synchronous. */
export interface RouteTable {
  /** For people: `routing table 198`. */
  readonly name: string;
  /** The route to this address alone, by that interface. Replaces one of ours. @throws OsError when the kernel refuses */
  set(ip: Ip, linkIndex: number): void;
  /** None there is not an error. @throws OsError */
  remove(ip: Ip): void;
  /** Routes of ours that are there, of this or an earlier run. @throws OsError */
  owned(): readonly { readonly ip: Ip; readonly linkIndex: number | undefined }[];
  /** Takes away those that somebody else wrote under the same protocol, as an earlier kube-vip did. @throws OsError */
  removeStrangers(): void;
}

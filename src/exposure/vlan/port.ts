/** Beside the pipeline: interfaces for Services in a VLAN, made where they are missing. */

/** IEEE 802.1Q: the interface `name` is VLAN `id` of the interface `parent`. */
export interface Vlan {
  readonly name: string;
  readonly parent: string;
  readonly id: number;
}

/** Those of our interfaces are marked; all others are left alone. */
export interface VlanLinks {
  /**
   * Makes the interface, or brings one of ours up. One of that name that is not ours is used as it is.
   * @throws KubevipError NO_PARENT_LINK, NO_VLANS (of the kernel), OsError
   */
  ensure(vlan: Vlan): void;
  /** Names of those that we made, in this or an earlier run. @throws OsError */
  owned(): readonly string[];
  /** One that is gone is no error. @throws OsError */
  remove(name: string): void;
}

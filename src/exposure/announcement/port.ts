/** The announcement stage: makes the LAN send an address's traffic to this node. */
import type { Decision, NotReady } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { ConflictPolicy } from '../../protocols/acd/defender.ts';

export interface Announced {
  /** Interface of the LAN that hears of it: the one it stands on, or that of the default route where routers are told. */
  readonly link: string;
  /** ISO 8601 of the first announcement since this node took it. */
  readonly since: string;
}

export interface AnnouncementRequest {
  readonly ip: Ip;
  /** Interface by name; undefined: the one whose subnet holds the address. */
  readonly link?: string;
  /** What to do when another machine turns out to use the address. Default: as before; at first, defend it. */
  readonly onConflict?: ConflictPolicy;
}

export interface AddressConflict {
  readonly ip: Ip;
  /** The other machine. */
  readonly mac: Mac;
  readonly link: string;
  /** `yield`: the address was let go. */
  readonly policy: ConflictPolicy;
}

/**
 * Who announces an address. `owner`: one node at a time, since neighbours send to one MAC. `every-node`: all nodes that
 * may serve it, and routers spread traffic over them; its owner only speaks for it (status, names, leases).
 */
export type Reach = 'owner' | 'every-node';

/** How addresses are announced from this node: by ARP and NDP, or by telling routers (`routed/`). */
export interface Announcement {
  readonly reach: Reach;
  /** Hold and announce the address here. Synchronous as far as the kernel allows: ready on return in the usual case. */
  ensure(request: AnnouncementRequest): Decision<Announced>;
  /** Why the address could not be announced from this node now (no such link, or it is down); undefined: it could. */
  obstacle(request: AnnouncementRequest): NotReady | undefined;
  /** Stop and remove the address from this node, whatever the reason. `off` once nothing of it is left. */
  release(ip: Ip): Decision;
  /**
   * Another node has the address from now on: neither answer nor announce it any more, serve what is under way for half a
   * second, and release it then.
   */
  cede(ip: Ip): Decision;
  /**
   * Whether other agents are alive. With others, the kernel is kept silent and the agent answers ARP and NS
   * (docs/adr/0004-fencing.md); alone, the kernel answers and the address has no lifetime.
   */
  setAlone(alone: boolean): void;
  /** Another machine says that it has an address of ours. Told at once and each time: it may be a takeover. */
  onClaim(callback: (ip: Ip) => void): () => void;
  /**
   * Another machine uses an address of ours: once for each machine, until it is over. By policy `yield` the address is
   * off this node by then, and `ensure` fails with AddressConflict until the other machine is gone; `onChange` tells.
   */
  onConflict(callback: (conflict: AddressConflict) => void): () => void;
  /** A conflict that was told is over: the other machine is gone. Not told of an address released meanwhile. */
  onConflictOver(callback: (conflict: AddressConflict) => void): () => void;
  onChange(callback: (ip: Ip) => void): () => void;
  /**
   * All that is wanted of this node has been asked for once: what an earlier run left here and nobody has asked for goes.
   * Absent: it went at the start.
   */
  settled?(): void;
}

/** With an end. */
export interface ClosableAnnouncement extends Announcement {
  /** Lets go of everything and leaves nothing behind. */
  close(): Promise<void>;
}

/** Addresses in the kernel (netlink). All calls are synchronous and idempotent. */
export interface AddressTable {
  /**
   * Put `ip` on the interface, or refresh it. `validSeconds`: the kernel removes it by itself after that
   * (whole seconds); undefined: for ever. Deprecated for new outgoing connections, no DAD, no prefix route.
   */
  set(linkIndex: number, ip: Ip, prefixLength: number, validSeconds?: number): void;
  remove(linkIndex: number, ip: Ip): void;
  /** Addresses on this node that carry our mark, left by this or an earlier run. */
  owned(): readonly { readonly ip: Ip; readonly prefixLength: number; readonly linkIndex: number }[];
}

/** Keeps the kernel from answering ARP and NS for addresses; traffic to them is served as before. */
export interface SilenceFilter {
  /** The whole set; rules are tagged as ours and replaced atomically. */
  set(ips: readonly Ip[]): Promise<void>;
  /** Remove table and rules. */
  clear(): Promise<void>;
}

/** Tunnels through which addresses are reached, and what it takes of a node to have them. */
import type { Cidr } from '../../../model/cidr.ts';
import type { Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Sealed } from '../../../model/sealed.ts';

/** A WireGuard tunnel to one far end, for one address. */
export interface Tunnel {
  /** Of its interface. */
  readonly name: string;
  /** The address that is reached through it. */
  readonly ip: Ip;
  /** Base64 of 32 bytes, as wg(8) has them. */
  readonly privateKey: Sealed;
  /** Of the private key: by it the far end knows this tunnel. */
  readonly publicKey: string;
  readonly peerPublicKey: string;
  readonly presharedKey?: Sealed;
  /** Host: an address, or a name to be resolved. */
  readonly endpoint: { readonly host: string; readonly port: number };
  /** Whose packets are let through. */
  readonly allowedIps: readonly Cidr[];
  /** UDP port of this end. */
  readonly listenPort: number;
  /** Seconds between packets that keep the way back open; 0: none. */
  readonly keepalive: number;
  readonly mtu: number;
}

/** What is known of the tunnels of a cluster. */
export interface TunnelBook {
  /** The tunnel of this address; or why there is none. */
  of(ip: Ip): Decision<Tunnel>;
  /** What `of` says may be something else now. */
  onChange(callback: () => void): () => void;
}

/** Interfaces of tunnels. All that is made carries our mark. */
export interface TunnelDevices {
  /** Why no tunnel can be had on this node now; undefined: one can. */
  obstacle(): string | undefined;
  /**
   * The interface of that name, made unless it is there, up.
   * @returns its index. @throws KubevipError LINK_TAKEN for one of somebody else, NO_WIREGUARD, OsError
   */
  ensure(name: string, mtu: number): Promise<number>;
  /**
   * Keys, far end and ports as told. `anew`: it calls the far end at once; else a session that there is goes on.
   * @throws KubevipError WG_FAILED, RUN_NOT_FOUND
   */
  configure(tunnel: Tunnel, endpoint: Ip, keepalive: number, anew: boolean): Promise<void>;
  /** With all that is on it. None there is not an error. @throws OsError */
  remove(name: string): void;
  /** By this or an earlier run. @throws OsError */
  owned(): readonly string[];
  /** Seconds since 1970 of the last time that keys were agreed upon with the far end; 0: never. @throws KubevipError */
  lastHandshake(name: string): Promise<number>;
}

/** How traffic that came through a tunnel goes back through it, and no other traffic goes in. */
export interface TunnelWay {
  /** Of its interface. */
  readonly name: string;
  readonly ip: Ip;
  readonly listenPort: number;
  readonly mtu: number;
  /** From 0, unlike those of others: connections are marked with it. */
  readonly slot: number;
}

export interface TunnelWays {
  /**
   * Just these, all at once. From then on nothing of them leaves this node but while {@link keepSpeaking} says so, and for
   * two seconds after this call. @throws KubevipError NFT_FAILED, RUN_NOT_FOUND, OsError
   */
  set(ways: readonly TunnelWay[]): Promise<void>;
  /** The interface is there now. @throws OsError */
  lead(way: TunnelWay, linkIndex: number): void;
  /**
   * For two seconds more these UDP ports may be spoken from, and no other of the ways: an agent that is dead is silent.
   * @returns false when somebody took the rules away.
   */
  keepSpeaking(ports: readonly number[]): boolean;
  /** Leaves nothing. */
  clear(): Promise<void>;
}

/** For how long {@link TunnelWays.keepSpeaking} holds. */
export const SPEECH_SECONDS = 2;

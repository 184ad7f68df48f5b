/**
 * What preflight asks of a machine and of the LAN it is on. `linux` answers for a real machine, tests from memory.
 * Everything here only looks; what changes something is {@link MachineHands}.
 */
import type { CommandOutcome } from './commands.ts';
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { Link } from '../../model/wire.ts';

export interface MachineFacts {
  /** As `process.platform` and `process.arch` say it: `linux`, `x64`. */
  readonly platform: string;
  readonly arch: string;
  /** `uname -r` */
  readonly kernel: string;
  readonly hostname: string;
  readonly uid: number;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** `denied`: not as this user. `read-only`: not as any user, the file system is mounted so (or the file immutable). */
export type Writability = 'yes' | 'denied' | 'read-only';

/** A TCP port somebody listens on. */
export interface Listener {
  readonly port: number;
  /** Name of the program, where this user may know it. */
  readonly program?: string;
  readonly pid?: number;
}

/** What answers on a socket of the container runtime interface (CRI). */
export type RuntimeAnswer =
  | {
      readonly state: 'answers';
      /** `containerd`, `cri-o` */
      readonly name: string;
      readonly version: string;
      /** Undefined: too old to be asked (before containerd 2 and CRI-O 1.28). */
      readonly cgroupDriver?: 'systemd' | 'cgroupfs';
    }
  /** There is no such socket. */
  | { readonly state: 'missing' }
  /** There is, and nobody listens on it, or this user may not. */
  | { readonly state: 'refused'; readonly message: string }
  /** A server that speaks gRPC and has no CRI: containerd with its CRI plugin switched off. */
  | { readonly state: 'no-cri'; readonly message: string }
  | { readonly state: 'silent'; readonly message: string };

/** Paths are those on the node; an adapter may put them below another root. No method throws for what it looks at. */
export interface MachineProbe {
  facts(): MachineFacts;
  now(): Date;
  /** Undefined: no such file, or it cannot be read. At most 1 MiB of it. */
  read(path: string): Promise<string | undefined>;
  /** Names in a folder. Undefined: no such folder. */
  list(path: string): Promise<readonly string[] | undefined>;
  exists(path: string): Promise<boolean>;
  /** Whether files can be made in `path`, or in the nearest folder above it that exists. */
  writability(path: string): Promise<Writability>;
  /** Free space for ordinary users on the file system that holds `path`. Undefined: cannot be told. */
  freeBytes(path: string): Promise<number | undefined>;
  /** Path of a program. Undefined: not on the PATH. */
  which(program: string): Promise<string | undefined>;
  /** Undefined: the program is not on the PATH, or did not end in time. */
  run(command: string, args: readonly string[], timeout?: Milliseconds): Promise<CommandOutcome | undefined>;
  listeners(): Promise<readonly Listener[]>;
  /** @param socket path, without `unix://`. */
  runtime(socket: string): Promise<RuntimeAnswer>;
  /** Addresses of a name, by this machine's own resolver. Empty: none. */
  resolve(name: string): Promise<readonly Ip[]>;
  /**
   * The time that an HTTPS server says (header Date), with half of the round trip added. Its certificate is not looked
   * at: the time is a hint to a person, and trust comes later.
   */
  remoteTime(host: string, port: number): Promise<RemoteTime>;
  /** What a router says when BGP calls it, before anything is said to it. */
  bgpGreeting(router: Ip, call: BgpCall): Promise<BgpGreeting>;
  /** What agents of ours have left in the kernel: `address 192.168.1.40 on eth0`, `table inet kubevip`. */
  ownTraces(): Promise<readonly string[]>;
}

export type RemoteTime =
  | { readonly state: 'told'; readonly time: Date }
  /** It answers, and says no time. */
  | { readonly state: 'untold' }
  | { readonly state: 'unreachable'; readonly message: string };

export interface BgpCall {
  readonly port: number;
  /** TCP MD5: who wants one drops calls without, and with another one. */
  readonly password?: string;
  readonly sourceIp?: Ip;
  readonly sourceLink?: string;
}

export type BgpGreeting =
  /** It takes the call: it has begun to speak, or waits for us to. @param said the first of it, a message of BGP if it is a router. */
  | { readonly state: 'answers'; readonly said?: Uint8Array }
  /** It hangs up without a word, as routers do with who is no neighbour of theirs. */
  | { readonly state: 'closes' }
  | { readonly state: 'unreachable'; readonly message: string };

/** What a DHCP server would give a client that nobody knows. */
export interface DhcpOffer {
  readonly server: Ip;
  readonly ip: Ip;
  readonly prefixLength?: number;
  readonly router?: Ip;
}

export interface LanProbe {
  links(): readonly Link[];
  /** Who answers for an address on a link; undefined: nobody. @throws KubevipError NO_LINK */
  user(ip: Ip, link: string): Promise<Mac | undefined>;
  /**
   * What DHCP servers offer a stranger. One DISCOVER and never a REQUEST: nothing is taken.
   * @param wish asked for by option 50. A server offers it if it hands it out and it is free.
   */
  dhcpOffers(link: string, wish?: Ip): Promise<readonly DhcpOffer[]>;
}

/** For what a fix changes. */
export interface MachineHands {
  read(path: string): Promise<string | undefined>;
  /** Whole, or not at all; the folder is made. @throws KubevipError FILE_NOT_WRITTEN */
  write(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** @throws KubevipError RUN_NOT_FOUND, RUN_TIMEOUT */
  run(command: string, args: readonly string[]): Promise<CommandOutcome>;
}

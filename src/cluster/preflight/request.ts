/** What is about to happen on the machine, as far as preflight needs to know. */
import type { Cidr, Range } from '../../model/cidr.ts';
import type { Ip } from '../../model/ip.ts';
import type { BgpPeerEntry } from '../bgp-peer.ts';
import type { Finding } from './finding.ts';
import type { LanProbe, MachineProbe } from '../ports/preflight.ts';

/** `init`: first machine of a cluster; the others: `join` in that role. */
export type PreflightRole = 'init' | 'control-plane' | 'worker';

export interface PreflightRequest {
  readonly role: PreflightRole;
  /** Virtual IPs of the control plane, none when not known (`doctor`, a worker). */
  readonly vips?: readonly Ip[];
  /** Routers are told of addresses by BGP, which are to lie in no subnet of this machine then. */
  readonly bgp?: {
    readonly as: number;
    readonly peers: readonly BgpPeerEntry[];
    /** Sessions have one; without a text it is not known on this machine. */
    readonly password?: { readonly text?: string };
    /** Our end of the sessions, where it is not left to the kernel. */
    readonly sourceIp?: Ip;
    readonly sourceLink?: string;
  };
  /** Interface for the VIP; otherwise the one whose subnet holds it, or that of the default route. */
  readonly link?: string;
  /** Port of the API server. Default 6443. */
  readonly port?: number;
  readonly podSubnets?: readonly Cidr[];
  readonly serviceSubnets?: readonly Cidr[];
  /** Addresses for Services of type LoadBalancer. */
  readonly pools?: readonly Range[];
  /** Wanted at `init`; that of the cluster at `join`, where it is known. */
  readonly kubernetesVersion?: string;
  /** Otherwise the host name. */
  readonly nodeName?: string;
  /** With or without `unix://`; otherwise the well-known ones are tried. */
  readonly criSocket?: string;
  /** At `join`: where the cluster answers. */
  readonly cluster?: { readonly host: string; readonly port: number };
  /** At `join`: names of nodes that are in the cluster, where they are known. */
  readonly takenNames?: readonly string[];
  /** Settings of the kubelet that change what it puts up with (`kubeadm.patches.KubeletConfiguration`). */
  readonly kubelet?: { readonly failSwapOn?: boolean; readonly failCgroupV1?: boolean };
  /** Ids of findings that shall not stop anything: their errors are told as warnings. */
  readonly ignore?: readonly string[];
  /** An earlier run of ours got part of the way: what it left, and what it runs, is no fault. */
  readonly resuming?: boolean;
}

/** Everything a check may look at. */
export interface Scene {
  readonly machine: MachineProbe;
  readonly lan: LanProbe;
  readonly request: PreflightRequest;
}

/** One thing to look at, in a file of its own. An exception becomes a warning that it could not be looked at. */
export interface Check {
  readonly id: string;
  /** For whom it matters. Default: everybody. */
  readonly roles?: readonly PreflightRole[];
  /** What it looks for is there on purpose when an interrupted run is continued. */
  readonly notWhenResuming?: boolean;
  run(scene: Scene): Promise<readonly Finding[]> | readonly Finding[];
}

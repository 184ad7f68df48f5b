/** What a component on a node and the process of the cluster say to each other: one JSON object a line. */

export interface Tls {
  /** PEM */
  readonly cert: string;
  readonly key: string;
  /** Whose certificates clients show. */
  readonly clientCa: string;
}

export interface EtcdHello {
  readonly role: 'etcd';
  readonly node: string;
  readonly name: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  /** `name=url,…` */
  readonly initialCluster: string;
  readonly existing: boolean;
  /** What the data folder says, unless it is empty. */
  readonly data: { readonly cluster: string; readonly member: string } | undefined;
  readonly tls: Tls;
}

export interface ApiServerHello {
  readonly role: 'kube-apiserver';
  readonly node: string;
  readonly version: string;
  readonly advertiseAddress: string;
  readonly port: number;
  readonly serviceRange: string;
  /** PEM of the key that signs tokens of service accounts. */
  readonly accountKey: string;
  readonly tls: Tls;
}

export interface ManagerHello {
  readonly role: 'kube-controller-manager';
  readonly node: string;
  /** PEM of the authority that signs certificate requests. */
  readonly signing: { readonly cert: string; readonly key: string };
  readonly podRange: string;
}

export interface SchedulerHello {
  readonly role: 'kube-scheduler';
  readonly node: string;
}

export type Hello = EtcdHello | ApiServerHello | ManagerHello | SchedulerHello;

export interface Peer {
  readonly member: string;
  readonly host: string;
  readonly port: number;
}

/** To the component. */
export type Order =
  /** Pass connections on to this UNIX socket; etcd keeps who it is in its data folder. */
  | {
      readonly type: 'serve';
      readonly socket: string;
      readonly data?: { readonly cluster: string; readonly member: string };
    }
  /** End, and say why. */
  | { readonly type: 'refuse'; readonly why: string }
  /** The other members of etcd, to be tried all the time. */
  | { readonly type: 'peers'; readonly peers: readonly Peer[] };

/** From the component, after its {@link Hello}. */
export interface Report {
  readonly type: 'reach';
  /** Members that answer over the network. */
  readonly members: readonly string[];
}

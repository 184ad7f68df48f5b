/**
 * What a cluster says of itself on the LAN, as TXT of its DNS-SD instance `NAME._kubevip._tcp.local`: enough to find it
 * and to recognise it, and nothing that lets anybody in.
 */

export const CLUSTER_SERVICE_TYPE = '_kubevip._tcp';

export interface ClusterAdvertisement {
  /** Name of the cluster on the LAN. */
  readonly cluster: string;
  /** `HOST:PORT` of its API, as in `controlPlaneEndpoint` of kubeadm. */
  readonly endpoint: string;
  /** `sha256:` and the hash of the public key of the CA, as in `--discovery-token-ca-cert-hash` of kubeadm. */
  readonly caHash?: string;
  /** Of Kubernetes: `v1.36.0`. */
  readonly version?: string;
}

const FORMAT = '1';

export function writeAdvertisement(advertisement: ClusterAdvertisement): Readonly<Record<string, string>> {
  const { cluster, endpoint, caHash, version } = advertisement;
  return {
    v: FORMAT,
    cluster,
    endpoint,
    ...(caHash === undefined ? {} : { ca: caHash }),
    ...(version === undefined ? {} : { kubernetes: version }),
  };
}

/** Undefined for what is none of ours, or of a later format. Whoever reads it still has to verify the CA. */
export function readAdvertisement(txt: Readonly<Record<string, string>>): ClusterAdvertisement | undefined {
  const { v, cluster, endpoint, ca, kubernetes } = txt;
  if (v !== FORMAT || !cluster || !endpoint || !/^(\[[0-9a-f:]+\]|[^\s:[\]]+):\d{1,5}$/i.test(endpoint))
    return undefined;
  return {
    cluster,
    endpoint,
    ...(ca !== undefined && /^sha256:[0-9a-f]{64}$/.test(ca) ? { caHash: ca } : {}),
    ...(kubernetes ? { version: kubernetes } : {}),
  };
}

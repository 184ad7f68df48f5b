/** Configuration files for plain kubeadm, as a person would write them. */
import { stringify } from 'yaml';

export const VIP = '10.77.0.100';
const ENDPOINT = `${VIP}:6443`;
export const CERTIFICATE_KEY = 'e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204';
export const TOKEN = 'abcdef.0123456789abcdef';

type Api = 'v1beta3' | 'v1beta4';

export function initYaml(ip: string, options: { api?: Api; version?: string } = {}): string {
  const apiVersion = `kubeadm.k8s.io/${options.api ?? 'v1beta4'}`;
  return [
    {
      apiVersion,
      kind: 'InitConfiguration',
      bootstrapTokens: [{ token: TOKEN, ttl: '24h0m0s' }],
      certificateKey: CERTIFICATE_KEY,
      localAPIEndpoint: { advertiseAddress: ip, bindPort: 6443 },
    },
    {
      apiVersion,
      kind: 'ClusterConfiguration',
      kubernetesVersion: options.version ?? 'v1.36.2',
      controlPlaneEndpoint: ENDPOINT,
      networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/16' },
    },
  ]
    .map((document) => stringify(document))
    .join('---\n');
}

export interface JoinInput {
  readonly pin: string;
  readonly token?: string;
  readonly endpoint?: string;
  /** Address of the joining control plane; absent: a worker. */
  readonly controlPlane?: string;
  readonly certificateKey?: string;
  /** Default: what the machine is called. */
  readonly nodeName?: string;
}

export function joinYaml(input: JoinInput): string {
  return stringify({
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'JoinConfiguration',
    // What is wrong is wrong at once: 5 minutes of asking again are the real default.
    timeouts: { discovery: '5s' },
    ...(input.nodeName === undefined ? {} : { nodeRegistration: { name: input.nodeName } }),
    discovery: {
      bootstrapToken: {
        token: input.token ?? TOKEN,
        apiServerEndpoint: input.endpoint ?? ENDPOINT,
        caCertHashes: [input.pin],
      },
    },
    ...(input.controlPlane === undefined
      ? {}
      : {
          controlPlane: {
            certificateKey: input.certificateKey ?? CERTIFICATE_KEY,
            localAPIEndpoint: { advertiseAddress: input.controlPlane, bindPort: 6443 },
          },
        }),
  });
}

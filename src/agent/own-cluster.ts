/** The API server for parts of the agent that are neither about Services nor about the control plane alone. */
import { connect, connectWith, type Cluster } from '../kube/client.ts';
import { loadCredentials, redirected } from '../kube/credentials.ts';
import { VERSION } from '../model/version.ts';
import type { AgentConfig } from './config.ts';

/**
 * On a control plane its own API server: the address in the kubeconfig may be one that is yet to be announced.
 * @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG
 */
export function ownCluster(config: AgentConfig): Cluster {
  const userAgent = `kubevip-agent/${VERSION}`;
  const where = { env: process.env, ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }) };
  const { controlPlane } = config;
  if (controlPlane === undefined) return connect({ ...where, userAgent });
  const { server, port } = controlPlane;
  const host = server?.hostname.replace(/^\[|\]$/g, '') ?? '127.0.0.1';
  const serverPort = server === undefined ? port : Number(server.port || (server.protocol === 'https:' ? 443 : 80));
  const endpoint = { host, port: serverPort, ...(/^127\.|^::1$/.test(host) ? { serverName: 'kubernetes' } : {}) };
  return connectWith(
    redirected(loadCredentials(where), () => endpoint),
    { userAgent, namespace: config.namespace },
  );
}

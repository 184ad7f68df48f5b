/** A command's connection to the cluster, for as long as the command runs. */
import type { Cluster } from '../kube/client.ts';

export interface ClusterFlags {
  readonly namespace?: string | undefined;
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
}

/**
 * Connects, works, and closes whatever happens. client-node is loaded here, and only here: it costs more than all
 * the rest of the CLI. @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG
 */
export async function withCluster<R>(
  flags: ClusterFlags,
  userAgent: string,
  work: (cluster: Cluster) => Promise<R>,
): Promise<R> {
  const { connect } = await import('../kube/client.ts');
  const { namespace, context, kubeconfig } = flags;
  const cluster = connect({
    env: process.env,
    userAgent,
    ...(namespace === undefined ? {} : { namespace }),
    ...(context === undefined ? {} : { context }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  // Between two attempts to reach the API nothing else would keep the process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await work(cluster);
  } finally {
    clearInterval(alive);
    cluster.close();
  }
}

/** For `User-Agent`: `kubevip-cli/0.1.0`. */
export function cliUserAgent(version: string): string {
  return `kubevip-cli/${version}`;
}

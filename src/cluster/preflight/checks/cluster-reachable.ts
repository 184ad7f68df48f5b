/** The cluster to be joined answers. */
import { error, fine } from '../finding.ts';
import type { Check } from '../request.ts';
import { hostPort } from '../../../model/ip.ts';

export const clusterReachable: Check = {
  id: 'cluster-reachable',
  roles: ['control-plane', 'worker'],
  run: async ({ machine, request }) => {
    if (request.cluster === undefined) return [];
    const { host, port } = request.cluster;
    const where = hostPort(host, port);
    const answer = await machine.remoteTime(host, port);
    if (answer.state !== 'unreachable') return [fine('cluster-reachable', `the cluster answers on ${where}`)];
    return [
      error('cluster-reachable', {
        what: `the cluster does not answer on ${where}: ${answer.message}`,
        why: 'This machine joins by that address.',
        remedy: `curl -k https://${where}/version here, and kubevip status on a node of the cluster`,
      }),
    ];
  },
};

/** Routers that are to be told of addresses take calls of BGP from this machine. */
import { isLinkLocal } from '../../../model/ip.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import type { Check } from '../request.ts';

export const bgpPeers: Check = {
  id: 'bgp-peer',
  run: async ({ machine, request }) => {
    if (request.bgp === undefined) return [];
    const { as, peers } = request.bgp;
    // Of an interface there is no address yet, and a link-local one is only found by who listens there.
    const reachable = peers.flatMap(({ at, port }) =>
      at === undefined || isLinkLocal(at.ip) ? [] : [{ ...at, port }],
    );
    return await Promise.all(
      reachable.map(async ({ ip, port }): Promise<Finding> => {
        const greeting = await machine.bgpGreeting(ip, port);
        if (greeting.state === 'answers') return fine('bgp-peer', `the router ${ip} takes calls of BGP`);
        if (greeting.state === 'closes') {
          return warn('bgp-neighbor', {
            what: `the router ${ip} hangs up when BGP calls it on port ${port}`,
            why: 'Routers do that with machines that are no neighbours of theirs.',
            remedy: `make this machine a neighbour there, in AS ${as}; in FRR: neighbor ADDRESS remote-as ${as}`,
          });
        }
        return error('bgp-peer', {
          what: `the router ${ip} does not take calls of BGP on port ${port}: ${greeting.message}`,
          why: 'Nobody beyond it would find the addresses of the cluster.',
          remedy: `switch BGP on there, with this machine as a neighbour in AS ${as}; if it wants a password, which is for the Secret kubevip-bgp, go on with --ignore bgp-peer`,
        });
      }),
    );
  },
};

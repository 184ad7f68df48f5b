/** Pools for Services: on the LAN, and apart from what is there already. */
import { contains, firstOf, lastOf } from '../../../model/cidr.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import { lanLinks, subnetFor } from '../nic.ts';
import type { Check } from '../request.ts';

export const pools: Check = {
  id: 'pools',
  roles: ['init'],
  run: ({ lan, request }) => {
    const findings: Finding[] = [];
    const links = lanLinks(lan.links());
    const own = links.flatMap(({ addresses, gateway }) => [
      ...addresses.map(({ ip }) => ip),
      ...[gateway.v4, gateway.v6].flatMap((ip) => ip ?? []),
    ]);
    for (const pool of request.pools ?? []) {
      const text = `${firstOf(pool)}-${lastOf(pool)}`;
      const isRouted = request.bgp !== undefined;
      const here = links.some((link) => {
        const [first, last] = [subnetFor(link, firstOf(pool)), subnetFor(link, lastOf(pool))];
        return isRouted
          ? first !== undefined || last !== undefined
          : first !== undefined && contains(first, lastOf(pool));
      });
      if (here && isRouted) {
        findings.push(
          warn('pool-subnet', {
            what: `the pool ${text} is in a subnet of this machine, and its addresses are to be announced by BGP`,
            why: 'Machines on the LAN would ask for them there, where nobody answers, instead of going by the router.',
            remedy: '--pool with addresses that are in no subnet of the LAN',
          }),
        );
      } else if (!here && !isRouted) {
        findings.push(
          warn('pool-subnet', {
            what: `the pool ${text} is in no subnet of this machine`,
            why: 'Machines on the LAN reach its addresses by a route of their router only.',
            remedy: `--pool with addresses of the LAN; ip -brief address shows its subnets`,
          }),
        );
      }
      for (const vip of request.vips ?? []) {
        if (!contains(pool, vip)) continue;
        findings.push(
          error('pool-vip', {
            what: `the pool ${text} contains the virtual IP ${vip}`,
            why: 'A Service would get the address of the API.',
            remedy: `--pool without ${vip}`,
          }),
        );
      }
      for (const ip of new Set(own)) {
        if (!contains(pool, ip) || request.resuming === true) continue;
        findings.push(
          warn('pool-taken', {
            what: `the pool ${text} contains ${ip}, an address of this machine or its router`,
            why: 'It will be passed over: kubevip asks before it gives an address away.',
            remedy: `--pool without ${ip}`,
          }),
        );
      }
    }
    return findings.length > 0 || (request.pools ?? []).length === 0
      ? findings
      : [fine('pools', request.bgp === undefined ? 'the pools are on the LAN' : 'routers are told of the pools')];
  },
};

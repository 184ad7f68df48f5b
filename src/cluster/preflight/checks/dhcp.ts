/** The DHCP server does not give away the virtual IP, or addresses of the pools. */
import { contains, firstOf, lastOf, type Range } from '../../../model/cidr.ts';
import { familyOf } from '../../../model/ip.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import { nicOf } from '../nic.ts';
import type { Check } from '../request.ts';

export const dhcp: Check = {
  id: 'vip-dhcp',
  roles: ['init'],
  notWhenResuming: true,
  run: async ({ lan, request }) => {
    const vip = request.vips?.find((one) => familyOf(one) === 4);
    const pools = (request.pools ?? []).filter(({ family }) => family === 4);
    const link = nicOf(lan.links(), request);
    if (link?.up !== true || (vip === undefined && pools.length === 0)) return [];
    const offers = await lan.dhcpOffers(link.name, vip);
    const [first] = offers;
    if (first === undefined) return [fine('vip-dhcp', 'no DHCP server answers a stranger here')];
    const findings: Finding[] = [];
    const given = offers.find(({ ip }) => ip === vip);
    if (given !== undefined) {
      findings.push(
        error('vip-dhcp', {
          what: `the DHCP server ${given.server} hands out ${given.ip}`,
          why: 'Sooner or later it gives the virtual IP to a telephone or a printer.',
          remedy: `--vip with an address outside the server's range, or take ${given.ip} out of it in the router's settings`,
        }),
      );
    }
    for (const { ip, server } of offers) {
      const pool = pools.find((range) => contains(range, ip));
      if (pool === undefined) continue;
      findings.push(
        warn('pool-dhcp', {
          what: `the DHCP server ${server} hands out ${ip}, which is in the pool ${textOf(pool)}`,
          why: 'A Service and another machine would get the same address; kubevip asks before it takes one, but the other comes later.',
          remedy: `choose a pool outside the server's range, or shorten that in the router's settings`,
        }),
      );
    }
    if (findings.length > 0) return findings;
    const about = vip === undefined ? '' : `, asked for ${vip}`;
    return [fine('vip-dhcp', `the DHCP server ${first.server} offers ${first.ip}${about}`)];
  },
};

function textOf(range: Range): string {
  return `${firstOf(range)}-${lastOf(range)}`;
}

/** Nobody answers for the virtual IP (RFC 5227 §2.1.1, RFC 4862 §5.4). */
import { error, fine } from '../finding.ts';
import { nicOf, subnetFor } from '../nic.ts';
import type { Check } from '../request.ts';

export const vipInUse: Check = {
  id: 'vip-in-use',
  // Those who join know it from the node that has it.
  roles: ['init'],
  notWhenResuming: true,
  run: async ({ lan, request }) => {
    const link = nicOf(lan.links(), request);
    if (link?.up !== true) return [];
    const asked = (request.vips ?? []).filter((vip) => subnetFor(link, vip) !== undefined);
    return await Promise.all(
      asked.map(async (vip) => {
        const by = await lan.user(vip, link.name);
        if (by === undefined) return fine('vip-in-use', `nobody on the LAN answers for ${vip}`);
        return error('vip-in-use', {
          what: `${vip} is in use by ${by}`,
          why: 'Two machines with one address take each other’s connections.',
          remedy: `--vip with an address that nobody has; who it is: ip neigh show ${vip}; ping -c1 ${vip}`,
        });
      }),
    );
  },
};

/** What preflight asks of the LAN, by the parts that the agent uses too. */
import type { LanProbe } from '../../cluster/ports/preflight.ts';
import { surveyDhcp } from '../../exposure/address/dhcp/survey.ts';
import { createAddressProber } from '../../exposure/address/prober.ts';
import { KubevipError } from '../../model/errors.ts';
import type { Clock, Entropy } from '../../model/time.ts';
import type { Link, Network } from '../../model/wire.ts';

export interface LanProbeOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export function createLanProbe({ network, clock, entropy }: LanProbeOptions): LanProbe {
  const prober = createAddressProber({ network, clock, entropy });
  const linkOf = (name: string): Link => {
    const link = network.links().find((one) => one.name === name);
    if (link?.up === true) return link;
    throw new KubevipError(`interface ${name} is down or does not exist`, { code: 'NO_LINK' });
  };
  return {
    links: () => network.links(),
    user: async (ip, link) => await prober.probe(ip, link),
    dhcpOffers: async (name, wish) =>
      await surveyDhcp({ network, clock, entropy, link: linkOf(name), ...(wish === undefined ? {} : { wish }) }),
  };
}

/** Whether an address can be given out: on a link of this node, nobody's own, and unused as far as the LAN answers. */
import { failed, pending, type NotReady } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Network } from '../../model/wire.ts';
import { linkFor, subnetsOf } from './subnets.ts';
import type { VerifiedAddresses } from './verified.ts';

export interface AddressCheckParts {
  readonly network: Pick<Network, 'links'>;
  readonly verified: VerifiedAddresses;
  /** Whether a Service has it: then it may stand on this node's interface. */
  readonly isOurs: (ip: Ip) => boolean;
  /** Routers lead to addresses that lie in no subnet of this node; nobody can be asked about those. */
  readonly routed: boolean;
}

/** @param wantedLink interface by name; undefined: the one whose subnet holds it. @returns undefined: it is free. */
export function checkAddress(parts: AddressCheckParts, ip: Ip, wantedLink: string | undefined): NotReady | undefined {
  const links = parts.network.links();
  const own = links.find(({ addresses }) => addresses.some((address) => address.ip === ip && !parts.isOurs(ip)));
  if (own) return failed('AddressConflict', `${ip} is an address of this node (${own.name})`);
  const link = wantedLink ?? linkFor(links, ip);
  if (link === undefined && parts.routed) return undefined;
  if (link === undefined) {
    return failed(
      'NoLink',
      `${ip} is in no subnet of this node's interfaces (${subnetsOf(links)}), so the LAN could not reach it`,
    );
  }
  const known = parts.verified.look(ip, link);
  switch (known.state) {
    case 'free':
      return undefined;
    case 'taken':
      return failed('AddressConflict', `${ip} is in use on the LAN by ${known.mac}`);
    case 'unprobed':
      return pending('Probing', `asking the LAN whether ${ip} is free`);
    case 'broken':
      return failed('ProbeFailed', `cannot ask the LAN whether ${ip} is free: ${known.message}`);
  }
}

/** Which nodes tell routers of an address, as their agents say it: by BGP an address has no owner, or not one alone. */
import { contains } from '../../model/cidr.ts';
import { parseIp } from '../../model/ip.ts';
import type { BgpSpeaker } from './bgp.ts';

/** Who has an address, or several that go together. */
export interface Announcers {
  /** Every node that can serve it announces it; otherwise its owner alone does. */
  readonly everyNode: boolean;
  /** The one node that has it; absent with {@link everyNode}. */
  readonly owner?: string;
  /** Nodes that routers are told of it by, in order; absent where that is not by BGP, or an agent does not say. */
  readonly announcedBy?: readonly string[];
}

/** @param owner the node that is recorded: where every node announces, it only writes down what is. */
export function announcersOf(
  addresses: readonly string[],
  owner: string | undefined,
  everyNode: boolean,
  speakers: readonly BgpSpeaker[],
): Announcers {
  const isKnown = speakers.length > 0 && speakers.every(({ announced }) => announced !== undefined);
  const ips = addresses.flatMap((text) => parseIp(text) ?? []);
  const tells = ({ announced = [] }: BgpSpeaker): boolean =>
    ips.some((ip) => announced.some((range) => contains(range, ip)));
  return {
    everyNode,
    ...(owner === undefined || everyNode ? {} : { owner }),
    ...(isKnown ? { announcedBy: speakers.filter(tells).map(({ node }) => node) } : {}),
  };
}

/** What can be found out before anybody is asked: interfaces, the router, DHCP, who is there, versions, free addresses. */
import type { DhcpOffer } from '../../cluster/ports/preflight.ts';
import { lanLinks, nicOf, subnetsOf } from '../../cluster/preflight/nic.ts';
import type { PreflightParts } from '../../cluster/preflight/run.ts';
import { hostsOf, propose, type LanFacts, type Proposal } from '../../cluster/proposal.ts';
import { fromBigInt, familyOf, type Ip } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';
import { done, type Step } from '../steps.ts';

export interface MachineSurvey {
  readonly hostname: string;
  /** Interfaces that may be on a LAN, the likeliest first. */
  readonly links: readonly Link[];
  /** `kubeadm version`; undefined: not installed. */
  readonly kubeadm?: string;
}

export interface LanSurvey {
  readonly link: Link;
  readonly facts: LanFacts;
  /** DHCP servers, with what they offered. */
  readonly offers: readonly DhcpOffer[];
  readonly proposal?: Proposal;
}

/** Probes under way at a time: a switch of a home takes no more at once without losing some. */
const AT_ONCE = 64;
/** So often a proposal may turn out to be in the range of the DHCP server. */
const ROUNDS = 3;

export async function surveyMachine({ machine, lan }: PreflightParts): Promise<MachineSurvey> {
  const links = lanLinks(lan.links());
  const likely = nicOf(links, {});
  const kubeadm = (await machine.run('kubeadm', ['version', '-o', 'short']))?.stdout.trim();
  return {
    hostname: machine.facts().hostname,
    links: likely === undefined ? links : [likely, ...links.filter(({ name }) => name !== likely.name)],
    ...(kubeadm === undefined || kubeadm === '' ? {} : { kubeadm }),
  };
}

/**
 * Asks for every address that comes into question whether somebody has it, and DHCP servers what they would give a
 * stranger: a DISCOVER for each address that is to be proposed, never a REQUEST.
 * @returns undefined where the interface is down or has no subnet.
 */
export async function* surveyLan(parts: PreflightParts, link: Link): AsyncGenerator<Step, LanSurvey | undefined> {
  const subnets = subnetsOf(link);
  const subnet = subnets.find(({ family }) => family === 4) ?? subnets[0];
  if (subnet === undefined || !link.up) return undefined;
  const own = link.addresses.map(({ ip }) => ip);
  const gateway = subnet.family === 4 ? link.gateway.v4 : link.gateway.v6;
  const [used, first] = await Promise.all([
    // Nobody looks through an IPv6 subnet: what is proposed there is asked for before it is used.
    subnet.family === 4 ? usersOf(parts, link, { subnet, own }) : [],
    subnet.family === 4 ? parts.lan.dhcpOffers(link.name) : [],
  ]);
  yield done(`Looked at ${link.name}: ${used.length} other machines, ${dhcpText(first)}`);
  const offers = new Map<Ip, DhcpOffer>(first.map((offer) => [offer.ip, offer]));
  let facts: LanFacts = { subnet, own, gateway, used, handedOut: [...offers.keys()] };
  let proposal = propose(facts);
  for (let round = 0; round < ROUNDS && proposal !== undefined && offers.size > 0; round++) {
    const asked = [
      proposal.vip,
      ...(proposal.pool === undefined ? [] : [fromBigInt(proposal.pool.last, subnet.family)]),
    ];
    const answers = await Promise.all(asked.map((wish) => parts.lan.dhcpOffers(link.name, wish)));
    const given = answers.flat().filter(({ ip }) => asked.includes(ip));
    if (given.length === 0) break;
    for (const offer of answers.flat()) offers.set(offer.ip, offer);
    facts = { ...facts, handedOut: [...offers.keys()] };
    proposal = propose(facts);
  }
  return { link, facts, offers: [...offers.values()], ...(proposal === undefined ? {} : { proposal }) };
}

async function usersOf({ lan }: PreflightParts, link: Link, where: Pick<LanFacts, 'subnet' | 'own'>): Promise<Ip[]> {
  const hosts = hostsOf(where);
  if (hosts === undefined) return [];
  const used: Ip[] = [];
  for (let from = hosts.first; from <= hosts.last; from += BigInt(AT_ONCE)) {
    const batch = Array.from({ length: AT_ONCE }, (_, i) => from + BigInt(i)).filter((n) => n <= hosts.last);
    const answers = await Promise.all(
      batch.map(async (n) => {
        const ip = fromBigInt(n, hosts.family);
        return where.own.includes(ip) || (await lan.user(ip, link.name)) === undefined ? [] : [ip];
      }),
    );
    used.push(...answers.flat());
  }
  return used;
}

function dhcpText(offers: readonly DhcpOffer[]): string {
  if (offers.length === 0) return 'no DHCP server';
  return offers
    .filter(({ ip }) => familyOf(ip) === 4)
    .map(({ server, ip }) => `DHCP server ${server} (offers ${ip})`)
    .join(', ');
}

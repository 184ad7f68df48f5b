/** What the DHCP part of the address stage says, in words for people. All sentences are here. */
import { failed, off, pending, ready, type Decision, type NotReady, type Ready } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import { INFINITE_SECONDS } from '../../../protocols/dhcp-client/lease-times.ts';
import type { DhcpLease } from '../port.ts';
import type { Version } from './version.ts';

/** What is spoken. */
type Protocol = Version<never>['name'];

export function noLink(by: Protocol, problem: string): NotReady {
  return failed('NoLink', `no address by ${by}: ${problem}`);
}

export function discovering(
  by: Protocol,
  link: string,
  since: Date,
  offer: { readonly ip: Ip; readonly server: Ip } | undefined,
): NotReady {
  const so = offer === undefined ? '' : `; ${offer.server} offers ${offer.ip}`;
  return pending('DhcpDiscovering', `asking for an address by ${by} on ${link} since ${time(since)}${so}`);
}

/** A server is there and has others to answer first: one that pings every address before offering it is slow. */
export function waitingInLine(by: Protocol, link: string, since: Date, server: Ip): NotReady {
  return pending(
    'DhcpDiscovering',
    `asking for an address by ${by} on ${link} since ${time(since)}; server ${server} answers others at the moment`,
  );
}

export function noServer(by: Protocol, link: string, since: Date): NotReady {
  return failed(
    'NoDhcpServer',
    `no ${by} server has answered on ${link} since ${time(since)}: check that the router's ${by} server is on and has free ` +
      `addresses${by === 'DHCPv6' ? ' (many only advertise a prefix)' : ''}, and that ${link} is connected to its LAN (annotation kube-vip.io/serviceInterface chooses another ` +
      `interface); asking on`,
  );
}

export function noOffer(by: Protocol, link: string, since: Date, server: Ip): NotReady {
  return failed(
    'NoDhcpOffer',
    `${by} server ${server} on ${link} answers others but has offered nothing since ${time(since)}: its address range may ` +
      `be used up, or it serves only clients it knows; asking on`,
  );
}

export function refused(link: string, server: Ip, count: number, text: string | undefined): NotReady {
  return failed(
    'LeaseRefused',
    `DHCP server ${server} on ${link} offers addresses and then refuses them (${count} times in a row${quoted(text)}); ` +
      `asking on, more and more seldom`,
  );
}

export function declined(lease: DhcpLease, link: string, by: Mac): NotReady {
  return failed(
    'OfferDeclined',
    `DHCP server ${lease.server} gave ${lease.ip}, which ${by} already uses on ${link}; the server has been told, and is ` +
      `asked for another address in a few seconds`,
  );
}

export function leased(lease: DhcpLease, wished: Ip | undefined): Ready<DhcpLease> {
  const instead = wished === undefined || wished === lease.ip ? '' : `; ${wished} was asked for, the server chose`;
  return ready(lease, 'Leased', `${lease.ip} by DHCP from ${lease.server}, ${until(lease)}${instead}`);
}

export function unanswered(lease: DhcpLease): Ready<DhcpLease> {
  const message =
    `DHCP server ${lease.server} does not answer renewals of ${lease.ip}; asking any server, the lease is good ` +
    until(lease);
  return ready(lease, 'RenewalUnanswered', message);
}

export function confirming(lease: DhcpLease): NotReady {
  return pending(
    'LeaseConfirming',
    `the lease of ${lease.ip} was good ${until(lease)} by this node's clock; asking whether it still stands`,
  );
}

export function lostByRefusal(lease: DhcpLease, server: Ip, text: string | undefined): NotReady {
  return failed('LeaseLost', `DHCP server ${server} took ${lease.ip} back${quoted(text)}`);
}

export function lostByTime(lease: DhcpLease): NotReady {
  return failed(
    'LeaseLost',
    `the lease of ${lease.ip} has ended: no DHCP server has answered; it was good ${until(lease)}`,
  );
}

export function lostByConflict(lease: DhcpLease): NotReady {
  return failed('LeaseLost', `${lease.ip} is used by another machine, the DHCP server has been told`);
}

export function unreadable(link: string): NotReady {
  return failed('LeaseLost', `the lease recorded on the Service for ${link} makes no sense`);
}

export function released(lease: DhcpLease): NotReady {
  return off('LeaseReleased', `${lease.ip} given back to DHCP server ${lease.server}`);
}

export function releasing(lease: DhcpLease, problem: string): NotReady {
  return pending('LeaseReleasing', `${lease.ip} cannot be given back yet: ${problem}`);
}

export function abandoned(lease: DhcpLease, problem: string): NotReady {
  return off(
    'LeaseAbandoned',
    `${lease.ip} could not be given back (${problem}); the server frees it by itself, it was leased ${until(lease)}`,
  );
}

export function sameDecision<T>(a: Decision<T>, b: Decision<T>): boolean {
  const value = (decision: Decision<T>): unknown => (decision.state === 'ready' ? decision.value : undefined);
  return a.state === b.state && a.reason === b.reason && a.message === b.message && value(a) === value(b);
}

function until(lease: DhcpLease): string {
  if (lease.leaseSeconds >= INFINITE_SECONDS) return 'for ever';
  const acquired = Date.parse(lease.acquiredAt);
  const end = new Date(acquired + lease.leaseSeconds * 1000);
  return Number.isNaN(end.getTime()) ? `for ${lease.leaseSeconds} s` : `until ${time(end)}`;
}

function quoted(text: string | undefined): string {
  return text === undefined ? '' : `: "${text}"`;
}

function time(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

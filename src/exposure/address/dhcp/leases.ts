/** Leases for Services: {@link DhcpLeases} over packet sockets, without an interface or an address per lease. */
import type { Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { ServiceKey } from '../../../model/kubernetes.ts';
import type { Clock, Entropy, Milliseconds } from '../../../model/time.ts';
import type { Network } from '../../../model/wire.ts';
import type { ClientOutput, Forms } from '../../../protocols/dhcp-client/events.ts';
import type { AddressProber, DhcpLease, DhcpLeases, DhcpRequest } from '../port.ts';
import { identityFor } from './record.ts';
import { Releases } from './releases.ts';
import { Session, type SessionParts } from './session.ts';
import { Turns } from './turns.ts';
import type { SessionFacts, Version } from './version.ts';
import { DHCP4 } from './version4.ts';
import { DHCP6 } from './version6.ts';

/** The part of a logger that is used here; pino's fits. */
export interface DhcpLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface DhcpLeasesParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Asks for every offered address before it is used. Without it that is left to the server. */
  readonly prober?: AddressProber;
  readonly log?: DhcpLog;
}

export interface DhcpLeasesOnNode extends DhcpLeases {
  /** Stop without a word: another node goes on with whatever there is. */
  yield(service: ServiceKey): void;
  /**
   * Another machine uses the address: DHCPDECLINE. An acquisition under way goes on by itself after the ten seconds'
   * rest of RFC 2131; a lease that is kept is lost, as `keep` then says.
   */
  decline(request: DhcpRequest, lease: DhcpLease): void;
  /** Silent at once; no lease is given back. */
  close(): void;
}

/** A server that speaks after this much silence is news to those who wait for one. */
const SILENCE = 5000;

/** IPv4 addresses. */
export function createDhcpLeases(parts: DhcpLeasesParts): DhcpLeasesOnNode {
  return createLeases(DHCP4, parts);
}

/** IPv6 addresses. */
export function createDhcp6Leases(parts: DhcpLeasesParts): DhcpLeasesOnNode {
  return createLeases(DHCP6, parts);
}

function createLeases<F extends Forms>(version: Version<F>, parts: DhcpLeasesParts): DhcpLeasesOnNode {
  const { network, clock, entropy, prober, log } = parts;
  const sessions = new Map<ServiceKey, Session<F>>();
  /** By interface and name of the client. A set: nothing keeps two Services from carrying the same hardware address. */
  const byClient = new Map<string, Set<Session<F>>>();
  const turns = new Turns<Session<F>>(clock);
  const unheard = new Set<Session<F>>();
  const heard = new Map<string, { readonly server: Ip; readonly at: Milliseconds }>();
  const listeners = new Set<(service: ServiceKey) => void>();

  const keyFor = ({ facts }: Session<F>): string => `${facts.link} ${version.clientOf(facts.identity)}`;
  const changed = (service: ServiceKey): void => {
    for (const listener of [...listeners]) listener(service);
  };
  const onLink = (link: string): Session<F>[] => [...sessions.values()].filter(({ facts }) => facts.link === link);

  const sockets = version.sockets(network, {
    onReply(link, reply) {
      for (const session of [...(byClient.get(`${link} ${version.addressee(reply)}`) ?? [])]) session.handle(reply);
      noteServer(link, reply);
    },
    onUp(link) {
      for (const session of onLink(link)) {
        session.hurry();
        session.reconnected();
        session.linkChanged();
      }
      releases.linkUp(link);
    },
    onDown(link) {
      for (const session of onLink(link)) session.linkChanged();
    },
  });

  const noteServer = (link: string, reply: F['reply']): void => {
    const before = heard.get(link);
    const now = clock.now();
    heard.set(link, { server: reply.sourceIp, at: now });
    if (before !== undefined && before.at > now - SILENCE) return;
    for (const session of onLink(link)) session.hurry();
  };

  const sessionParts: SessionParts<F> = {
    version,
    clock,
    entropy,
    send: (link, outgoing) => void sockets.send(link, outgoing),
    probe:
      prober &&
      (async (link, ip, signal) => {
        const own = network.links().find(({ addresses }) => addresses.some((address) => address.ip === ip));
        return own?.mac ?? (await prober.probe(ip, link, signal));
      }),
    turn: (session, begin) => (version.inTurns ? turns.take(session.facts.link, session, begin) : begin()),
    problem: (link) => sockets.problem(link),
    heard: (link) => heard.get(link),
    settled(session, news) {
      const { link, service } = session.facts;
      if (!session.wanting) turns.done(link, session);
      if (session.unheard) unheard.add(session);
      else unheard.delete(session);
      sockets.listenToAll(
        link,
        [...unheard].some(({ facts }) => facts.link === link),
      );
      if (news) changed(service);
    },
    log: (facts, output) => {
      if (log !== undefined) record(log, version, facts, output);
    },
  };

  const releases = new Releases({
    clock,
    open: (link) => sockets.open(link),
    close: (link) => closeUnused(link),
    session: (request, lease) => current(request, lease) ?? new Session(factsOf(request, lease), sessionParts),
    changed,
  });

  const drop = (service: ServiceKey, end: (session: Session<F>) => void): void => {
    const session = sessions.get(service);
    if (session === undefined) return;
    end(session);
    sessions.delete(service);
    unheard.delete(session);
    const { link } = session.facts;
    turns.done(link, session);
    const key = keyFor(session);
    const sharing = byClient.get(key);
    sharing?.delete(session);
    if (sharing?.size === 0) byClient.delete(key);
    closeUnused(link);
  };
  const stop = (service: ServiceKey): void => drop(service, (session) => session.stop());
  const abandon = (service: ServiceKey, carried?: DhcpLease): void =>
    drop(service, (session) => session.abandon(carried));
  const closeUnused = (link: string): void => {
    if (onLink(link).length > 0 || releases.waitingOn(link)) return;
    sockets.close(link);
    heard.delete(link);
  };

  /** The session of the Service if it still is the same client on the same interface. */
  const current = (request: DhcpRequest, lease?: DhcpLease): Session<F> | undefined => {
    const session = sessions.get(request.service);
    if (session?.facts.link !== request.link) return undefined;
    const [was, is] = [session.facts.identity, identityFor(request, lease)];
    return was.mac === is.mac && Buffer.from(was.clientId).equals(is.clientId) ? session : undefined;
  };
  const sessionFor = (request: DhcpRequest, lease?: DhcpLease): Session<F> => {
    releases.forget(request.service);
    const known = current(request, lease);
    if (known !== undefined) return known;
    // Of a Service of the same name that there was before, perhaps, or on another interface.
    abandon(request.service, lease);
    sockets.open(request.link);
    const session = new Session(factsOf(request, lease), sessionParts);
    sessions.set(request.service, session);
    const key = keyFor(session);
    byClient.set(key, (byClient.get(key) ?? new Set<Session<F>>()).add(session));
    return session;
  };

  return {
    acquire: (request) => sessionFor(request).acquire(),
    keep(request, lease) {
      const session = sessionFor(request, lease);
      turns.done(request.link, session);
      return session.keep(lease);
    },
    yield(service) {
      releases.forget(service);
      stop(service);
    },
    abandon(service, carried) {
      releases.forget(service);
      abandon(service, carried);
    },
    release(request, lease): Decision {
      const decision = releases.release(request, lease);
      abandon(request.service, lease);
      return decision;
    },
    decline: (request, lease) => sessionFor(request, lease).decline(lease),
    onChange(callback) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    close() {
      releases.close();
      for (const service of [...sessions.keys()]) stop(service);
      sockets.closeAll();
      listeners.clear();
    },
  };
}

function factsOf(request: DhcpRequest, lease?: DhcpLease): SessionFacts {
  const { service, link, hostname, requested, standby } = request;
  const identity = identityFor(request, lease);
  return {
    service,
    link,
    identity,
    hostname,
    ...(requested === undefined ? {} : { requested }),
    ...(standby === undefined ? {} : { standby }),
  };
}

function record<F extends Forms>(
  log: DhcpLog,
  version: Version<F>,
  { service, link, identity }: SessionFacts,
  output: ClientOutput<F>,
): void {
  const { name } = version;
  const about = { service, link, ...(name === 'DHCP' ? { mac: identity.mac } : {}) };
  switch (output.kind) {
    case 'send':
      return log.debug({ ...about, ...version.describe(output) }, `${name} message sent`);
    case 'offered':
      return log.debug({ ...about, ip: output.ip, server: output.server }, `${name} address offered`);
    case 'bound': {
      const { ip, server, leaseSeconds } = output.lease.terms;
      return log.info({ ...about, ip, server, leaseSeconds }, `${name} lease granted`);
    }
    case 'refused':
      return log.warn({ ...about, server: output.server, text: output.text }, `${name} request refused`);
    case 'lost':
      return log.warn({ ...about, ip: output.lease.terms.ip, cause: output.cause }, `${name} lease lost`);
  }
}

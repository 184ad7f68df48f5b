/** The lease on the Service, and the lease in the client machine. */
import { parseIp } from '../../../model/ip.ts';
import { parseMac } from '../../../model/mac.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { HeldLease } from '../../../protocols/dhcp4/client/lease.ts';
import type { HeldLease as HeldLease6 } from '../../../protocols/dhcp6/client/lease.ts';
import { identityOf, type ClientIdentity } from '../../../protocols/dhcp4/identity.ts';
import type { DhcpLease, DhcpRequest } from '../port.ts';

/** For the Service: times as every node and every reader understands them. */
export function toRecord(held: HeldLease | HeldLease6, identity: ClientIdentity, clock: Clock): DhcpLease {
  const age = clock.now() - held.since;
  return {
    ...held.terms,
    mac: identity.mac,
    clientId: Buffer.from(identity.clientId).toString('hex'),
    acquiredAt: new Date(clock.wall().getTime() - age).toISOString(),
  };
}

/**
 * A recorded lease on this node's clock; undefined if the record makes no sense.
 *
 * `acquiredAt` is wall time of the node that took the lease, and this node's wall clock may differ. How old the lease
 * is can therefore only be estimated, within bounds that do no harm: never less than nothing, so a clock that is
 * behind cannot stretch a lease beyond `leaseSeconds` from now; and a lease that looks expired is not thrown away
 * unasked, since it may be this clock that is ahead. The server is asked in either case, and its answer sets the
 * times right.
 */
export function fromRecord(record: DhcpLease, clock: Clock): HeldLease | undefined {
  const held = common(record, clock);
  if (held === undefined) return undefined;
  const serverMac = record.serverMac === undefined ? undefined : parseMac(record.serverMac);
  return {
    ...held,
    terms: {
      ...held.terms,
      ...(serverMac === undefined ? {} : { serverMac }),
      ...(record.prefixLength === undefined ? {} : { prefixLength: record.prefixLength }),
      ...(record.router === undefined ? {} : { router: record.router }),
      ...(record.dns === undefined ? {} : { dns: record.dns }),
      ...(record.domain === undefined ? {} : { domain: record.domain }),
    },
  };
}

/** The same for a lease by DHCPv6. */
export function fromRecord6(record: DhcpLease, clock: Clock): HeldLease6 | undefined {
  const held = common(record, clock);
  const { serverId } = record;
  if (held === undefined || serverId === undefined || !/^([0-9a-f]{2}){1,130}$/i.test(serverId)) return undefined;
  return { ...held, terms: { ...held.terms, serverId } };
}

function common(record: DhcpLease, clock: Clock): Pick<HeldLease, 'terms' | 'since'> | undefined {
  const [ip, server] = [parseIp(record.ip), parseIp(record.server)];
  const { leaseSeconds, renewSeconds, rebindSeconds } = record;
  const times = [leaseSeconds, renewSeconds, rebindSeconds];
  if (ip === undefined || server === undefined || !times.every((time) => Number.isFinite(time) && time > 0))
    return undefined;
  return {
    since: clock.now() - ageOf(record, clock),
    terms: { ip, server, leaseSeconds, renewSeconds, rebindSeconds },
  };
}

function ageOf({ acquiredAt }: DhcpLease, clock: Clock): Milliseconds {
  const acquired = Date.parse(acquiredAt);
  return Number.isNaN(acquired) ? 0 : Math.max(0, clock.wall().getTime() - acquired);
}

/** Who asks: what the lease was taken as, else what the Service says, else what its UID gives. */
export function identityFor(request: DhcpRequest, record?: DhcpLease): ClientIdentity {
  const own = identityOf(request.uid);
  const clientId =
    record !== undefined && /^([0-9a-f]{2}){2,255}$/i.test(record.clientId)
      ? Uint8Array.from(Buffer.from(record.clientId, 'hex'))
      : own.clientId;
  const recorded = record === undefined ? undefined : parseMac(record.mac);
  return { mac: recorded ?? request.mac ?? own.mac, clientId };
}

/** The messages a client sends, field by field as RFC 2131 table 5 lists them. */
import type { Ip } from '../../../model/ip.ts';
import { BROADCAST_MAC, type Mac } from '../../../model/mac.ts';
import type { Milliseconds } from '../../../model/time.ts';
import { BOOT_REQUEST, BROADCAST_FLAG, MESSAGE_TYPE, OPTION } from '../codes.ts';
import { addressesValue, byteValue, shortValue, textValue } from '../options.ts';
import type { Outgoing } from './events.ts';
import type { HeldLease, LeaseTerms } from './lease.ts';
import type { ClientConfig, Context, Offer } from './state.ts';

const NOWHERE = '0.0.0.0' as Ip;
const EVERYWHERE = '255.255.255.255' as Ip;
/** What one Ethernet frame holds. */
const LARGEST_MESSAGE = 1500;
const WANTED = [
  OPTION.subnetMask,
  OPTION.router,
  OPTION.domainNameServer,
  OPTION.domainName,
  OPTION.leaseTime,
  OPTION.serverIdentifier,
  OPTION.renewalTime,
  OPTION.rebindingTime,
];

/** An address and who gave it: all that the server is told to find its record. */
type GrantedBy = Pick<LeaseTerms, 'ip' | 'server' | 'serverMac'>;
type Entries = readonly (readonly [number, Uint8Array])[];

export function discover(context: Context, now: Milliseconds): Outgoing {
  const wish: Entries = context.wish === undefined ? [] : [[OPTION.requestedAddress, addressesValue(context.wish)]];
  return broadcast(context, MESSAGE_TYPE.discover, now, [...wish, ...asking(context.config)]);
}

/** In REQUESTING: takes one server's offer, and tells the others that theirs is declined. `secs` as in the DISCOVER. */
export function select(context: Context, offer: Offer): Outgoing {
  return broadcast(context, MESSAGE_TYPE.request, offer.askedAt, [
    [OPTION.requestedAddress, addressesValue(offer.ip)],
    [OPTION.serverIdentifier, addressesValue(offer.server)],
    ...asking(context.config),
  ]);
}

/**
 * From INIT-REBOOT: is this address still mine? The answer is a broadcast, so it reaches this node whether or not the
 * address stands on it.
 */
export function confirm(context: Context, lease: HeldLease, now: Milliseconds): Outgoing {
  return broadcast(context, MESSAGE_TYPE.request, now, [
    [OPTION.requestedAddress, addressesValue(lease.terms.ip)],
    ...asking(context.config),
  ]);
}

/** In RENEWING: to the server alone. Its answer goes to the leased address. */
export function renew(context: Context, lease: HeldLease, now: Milliseconds): Outgoing {
  return {
    message: message(context, MESSAGE_TYPE.request, now, asking(context.config), lease.terms.ip),
    ...toServer(lease.terms),
  };
}

/** In REBINDING: to any server, otherwise as in RENEWING. */
export function rebind(context: Context, lease: HeldLease, now: Milliseconds): Outgoing {
  return {
    message: message(context, MESSAGE_TYPE.request, now, asking(context.config), lease.terms.ip),
    sourceIp: lease.terms.ip,
    targetIp: EVERYWHERE,
    targetMac: BROADCAST_MAC,
  };
}

export function release(context: Context, terms: GrantedBy): Outgoing {
  const options: Entries = [[OPTION.serverIdentifier, addressesValue(terms.server)]];
  return {
    message: message(context, MESSAGE_TYPE.release, context.begunAt, options, terms.ip),
    ...toServer(terms),
  };
}

export function decline(context: Context, lease: HeldLease): Outgoing {
  return broadcast(context, MESSAGE_TYPE.decline, context.begunAt, [
    [OPTION.requestedAddress, addressesValue(lease.terms.ip)],
    [OPTION.serverIdentifier, addressesValue(lease.terms.server)],
  ]);
}

function asking(config: ClientConfig): Entries {
  const hostname = textValue(config.hostname);
  return [
    [OPTION.maximumMessageSize, shortValue(LARGEST_MESSAGE)],
    [OPTION.parameterRequestList, Uint8Array.from(WANTED)],
    ...(hostname.length === 0 ? [] : [[OPTION.hostName, hostname] as const]),
  ];
}

function broadcast(context: Context, type: number, now: Milliseconds, options: Entries): Outgoing {
  return {
    message: message(context, type, now, options, NOWHERE),
    sourceIp: NOWHERE,
    targetIp: EVERYWHERE,
    targetMac: BROADCAST_MAC,
  };
}

/**
 * Without the server's hardware address (a lease recorded by an older version) its IP address in a broadcast frame
 * reaches it as well, and spares resolving it.
 */
function toServer(terms: GrantedBy): { readonly sourceIp: Ip; readonly targetIp: Ip; readonly targetMac: Mac } {
  const { ip, server, serverMac } = terms;
  return { sourceIp: ip, targetIp: server, targetMac: serverMac ?? BROADCAST_MAC };
}

function message(context: Context, type: number, now: Milliseconds, options: Entries, ciaddr: Ip): Outgoing['message'] {
  return {
    op: BOOT_REQUEST,
    hops: 0,
    xid: context.transaction,
    secs: Math.min(0xffff, Math.max(0, Math.floor((now - context.begunAt) / 1000))),
    // Always: nobody but this client knows `chaddr`, and no kernel takes a frame addressed to it.
    flags: BROADCAST_FLAG,
    ciaddr,
    yiaddr: NOWHERE,
    siaddr: NOWHERE,
    giaddr: NOWHERE,
    chaddr: context.config.mac,
    sname: '',
    file: '',
    options: new Map([
      [OPTION.messageType, byteValue(type)],
      [OPTION.clientIdentifier, context.config.clientId],
      ...options,
    ]),
  };
}

/** The messages the client sends (RFC 8415 §18.2). */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import { MESSAGE_TYPE, OPTION } from '../codes.ts';
import { associationOption } from '../identity-association.ts';
import { fqdnValue, shortValue, type Option } from '../options.ts';
import type { Outgoing } from './events.ts';
import type { Context, Offer } from './state.ts';

/** An address and who gave it: all that the server is told to find its record. */
type GrantedBy = Pick<Offer, 'ip' | 'serverId'>;

export function solicit(context: Context, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.solicit, now, { ip: context.wish, asks: true, commits: true });
}

/** Takes one server's offer; also for a lease that the server has lost its record of (§18.2.10.1). */
export function request(context: Context, { ip, serverId }: GrantedBy, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.request, now, { ip, serverId, asks: true });
}

export function renew(context: Context, { ip, serverId }: GrantedBy, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.renew, now, { ip, serverId, asks: true });
}

/** As renewing, but to any server. */
export function rebind(context: Context, { ip }: GrantedBy, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.rebind, now, { ip, asks: true });
}

/** Of any server, whether the address belongs to the link. */
export function confirm(context: Context, { ip }: Pick<Offer, 'ip'>, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.confirm, now, { ip });
}

export function release(context: Context, { ip, serverId }: GrantedBy, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.release, now, { ip, serverId });
}

export function decline(context: Context, { ip, serverId }: GrantedBy, now: Milliseconds): Outgoing {
  return message(context, MESSAGE_TYPE.decline, now, { ip, serverId });
}

interface Content {
  readonly ip: Ip | undefined;
  /** The one that is meant; without it every server answers. */
  readonly serverId?: string;
  /** Names the host and asks for what may be in the answer. */
  readonly asks?: boolean;
  /** Takes what is given for granted. */
  readonly commits?: boolean;
}

function message(context: Context, type: number, now: Milliseconds, content: Content): Outgoing {
  const { duid, iaid, hostname } = context.config;
  const fqdn = fqdnValue(hostname);
  const options: Option[] = [{ code: OPTION.clientIdentifier, value: duid }];
  if (content.serverId !== undefined)
    options.push({ code: OPTION.serverIdentifier, value: Uint8Array.from(Buffer.from(content.serverId, 'hex')) });
  // Hundredths of a second.
  const elapsed = Math.min(0xffff, Math.max(0, Math.floor((now - context.begunAt) / 10)));
  options.push({ code: OPTION.elapsedTime, value: shortValue(elapsed) });
  options.push(associationOption(iaid, content.ip));
  if (content.commits === true) options.push({ code: OPTION.rapidCommit, value: new Uint8Array() });
  if (content.asks === true) {
    options.push({ code: OPTION.optionRequest, value: shortValue(OPTION.solMaxRt) });
    if (fqdn !== undefined) options.push({ code: OPTION.clientFqdn, value: fqdn });
  }
  return { message: { type, transactionId: context.transaction, options } };
}

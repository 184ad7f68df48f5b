/** What a server's message means to the client (RFC 8415 §16.3, §16.10, §18.2.9, §18.2.10). */
import { DecodeError } from '../../../model/errors.ts';
import { ipToBytes, isLinkLocal, type Ip } from '../../../model/ip.ts';
import { timesOf } from '../../dhcp-client/lease-times.ts';
import { MESSAGE_TYPE, OPTION, STATUS } from '../codes.ts';
import { decodeAssociation, type AssociatedAddress, type IdentityAssociation } from '../identity-association.ts';
import { optionOf, statusOf, type Option, type Status } from '../options.ts';
import type { Reply } from './events.ts';
import type { LeaseTerms } from './lease.ts';
import type { ClientConfig } from './state.ts';

export type Meaning =
  | { readonly kind: 'offer'; readonly terms: LeaseTerms; readonly preference: number }
  | {
      readonly kind: 'granted';
      readonly terms: LeaseTerms;
      /** Further addresses that are ours now: a server may give one of each prefix. */
      readonly besides: readonly Ip[];
    }
  | {
      readonly kind: 'refused';
      readonly server: Ip;
      readonly serverId: string;
      readonly code: number;
      readonly text: string | undefined;
    }
  | typeof NOTHING;
/** None of our business, or of no use. */
const NOTHING = { kind: 'nothing' } as const;

/** @param held the address that is asked about: of several it is the one that counts. */
export function meaningOf(reply: Reply, config: ClientConfig, held?: Ip): Meaning {
  const { options, type } = reply.message;
  const sender = senderOf(reply, config);
  if (sender === undefined || (type !== MESSAGE_TYPE.advertise && type !== MESSAGE_TYPE.reply)) return NOTHING;
  const { server, serverId } = sender;
  const refused = ({ code, text }: Status): Meaning => ({ kind: 'refused', server, serverId, code, text });
  const whole = statusOf(options);
  if (whole.code !== STATUS.success) return refused(whole);
  const association = associationOf(options, config.iaid);
  if (association === undefined) return refused({ code: STATUS.noAddrsAvail, text: 'it gives no address' });
  if (association.status.code !== STATUS.success) return refused(association.status);
  const usable = usableOf(association);
  const address = chosen(usable, held);
  if (address === undefined)
    return refused({ code: STATUS.noAddrsAvail, text: 'it gives no address that can be used' });
  if (address.status.code !== STATUS.success) return refused(address.status);
  if (address.validSeconds === 0)
    return refused({ code: STATUS.notOnLink, text: `it gives ${address.ip} no lifetime` });
  const terms = { ip: address.ip, server, serverId, ...timesFor(association, address) };
  return type === MESSAGE_TYPE.reply
    ? {
        kind: 'granted',
        terms,
        besides: usable.flatMap(({ ip, validSeconds }) => (ip === address.ip || validSeconds === 0 ? [] : [ip])),
      }
    : { kind: 'offer', terms, preference: optionOf(options, OPTION.preference)?.[0] ?? 0 };
}

interface Sender {
  readonly server: Ip;
  readonly serverId: string;
}

/** The server that speaks to this client; undefined where it names neither, or another one. */
function senderOf({ message, sourceIp }: Reply, config: ClientConfig): Sender | undefined {
  const serverDuid = optionOf(message.options, OPTION.serverIdentifier);
  if (!isForUs(message.options, config) || serverDuid === undefined || serverDuid.length === 0) return undefined;
  return { server: sourceIp, serverId: Buffer.from(serverDuid).toString('hex') };
}

function isForUs(options: readonly Option[], { duid }: ClientConfig): boolean {
  const client = optionOf(options, OPTION.clientIdentifier);
  return client !== undefined && Buffer.from(client).equals(duid);
}

/** Whether what a server gives has been leased already, without a REQUEST (§21.14). */
export function isCommitted({ message }: Reply): boolean {
  return optionOf(message.options, OPTION.rapidCommit) !== undefined;
}

/** What a server says about the address being of the link (§18.2.10.3); undefined when it says nothing about that. */
export function confirmationOf(
  reply: Reply,
  config: ClientConfig,
): (Sender & { readonly isOnLink: boolean; readonly text: string | undefined }) | undefined {
  const sender = senderOf(reply, config);
  if (sender === undefined || reply.message.type !== MESSAGE_TYPE.reply) return undefined;
  const { code, text } = statusOf(reply.message.options);
  if (code !== STATUS.success && code !== STATUS.notOnLink) return undefined;
  return { ...sender, isOnLink: code === STATUS.success, text };
}

/** Whether a message is a plain yes, as the answer to DECLINE and RELEASE is. */
export function isReplyTo(config: ClientConfig, { message }: Reply): boolean {
  return message.type === MESSAGE_TYPE.reply && isForUs(message.options, config);
}

/** §21.4: an association whose times are not in order is as if it were not there. */
function associationOf(options: readonly Option[], iaid: number): IdentityAssociation | undefined {
  for (const { code, value } of options) {
    if (code !== OPTION.identityAssociation) continue;
    const association = readAssociation(value);
    if (association?.iaid !== iaid) continue;
    const { renewSeconds, rebindSeconds } = association;
    if (rebindSeconds === 0 || renewSeconds <= rebindSeconds) return association;
  }
  return undefined;
}

function readAssociation(value: Uint8Array): IdentityAssociation | undefined {
  try {
    return decodeAssociation(value);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

function usableOf({ addresses }: IdentityAssociation): AssociatedAddress[] {
  return addresses.filter(({ ip, preferredSeconds, validSeconds }) => isHost(ip) && preferredSeconds <= validSeconds);
}

/** The one that is held; where the server has put another one beside or in place of it, one that is still good. */
function chosen(usable: readonly AssociatedAddress[], held: Ip | undefined): AssociatedAddress | undefined {
  const good = usable.filter(({ validSeconds }) => validSeconds > 0);
  return good.find(({ ip }) => ip === held) ?? good[0] ?? usable[0];
}

/** T1 and T2 as the server gave them, or 0.5 and 0.8 of the preferred lifetime where it leaves them to the client (§14.2). */
function timesFor(
  { renewSeconds, rebindSeconds }: IdentityAssociation,
  { preferredSeconds, validSeconds }: AssociatedAddress,
): Pick<LeaseTerms, 'leaseSeconds' | 'renewSeconds' | 'rebindSeconds'> {
  return {
    leaseSeconds: validSeconds,
    ...timesOf(validSeconds, {
      renewSeconds: renewSeconds === 0 ? Math.floor(preferredSeconds * 0.5) : renewSeconds,
      rebindSeconds: rebindSeconds === 0 ? Math.floor(preferredSeconds * 0.8) : rebindSeconds,
    }),
  };
}

/** Unicast, beyond the link, and neither the unspecified nor the loopback address: what a Service may be given. */
function isHost(address: Ip): boolean {
  const bytes = ipToBytes(address);
  return bytes[0] !== 0xff && !isLinkLocal(address) && bytes.subarray(0, 15).some((byte) => byte !== 0);
}

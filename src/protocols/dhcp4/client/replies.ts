/** What a server's message means to the client. Anything unusable is as if it had been lost on the way. */
import { ipToBigInt, type Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import { MESSAGE_TYPE, OPTION } from '../codes.ts';
import {
  addressesOption,
  addressOption,
  byteOption,
  prefixLengthOption,
  secondsOption,
  textOption,
} from '../options.ts';
import type { Reply } from './events.ts';
import { timesOf } from '../../dhcp-client/lease-times.ts';
import type { LeaseTerms } from './lease.ts';

export type Meaning =
  | { readonly kind: 'offer'; readonly ip: Ip; readonly server: Ip; readonly serverMac: Mac }
  | { readonly kind: 'ack'; readonly terms: LeaseTerms }
  | { readonly kind: 'nak'; readonly server: Ip; readonly text: string | undefined }
  /** Granted, but not so that it could be used; `problem` for people. */
  | { readonly kind: 'useless'; readonly server: Ip; readonly problem: string }
  | { readonly kind: 'nothing' };

/** What a REQUEST was about: fills in what servers leave out of their answer. */
export interface Asked {
  readonly ip: Ip;
  readonly server: Ip;
  readonly serverMac?: Mac;
}

const NOTHING: Meaning = { kind: 'nothing' };
/** RFC 2131 table 3 has the time in every ACK. Of a server that leaves it out, busybox assumes the same. */
const UNSAID_LEASE_SECONDS = 3600;

export function meaningOf(reply: Reply, asked?: Asked): Meaning {
  const { message } = reply;
  const named = addressOption(message.options, OPTION.serverIdentifier);
  const server = named !== undefined && isHost(named) ? named : undefined;
  switch (byteOption(message.options, OPTION.messageType)) {
    case MESSAGE_TYPE.offer:
      // Without its identifier the server could not be told from the others in the REQUEST.
      if (server === undefined || !isHost(message.yiaddr)) return NOTHING;
      return { kind: 'offer', ip: message.yiaddr, server, serverMac: reply.sourceMac };
    case MESSAGE_TYPE.ack:
      return granted(reply, server ?? senderOf(reply, asked), asked);
    case MESSAGE_TYPE.nak: {
      const text = textOption(message.options, OPTION.message);
      return { kind: 'nak', server: server ?? senderOf(reply, asked), text };
    }
    default:
      return NOTHING;
  }
}

/** Of an answer without an identifier: through a relay, which has its own address, it is still the server that was asked. */
function senderOf(reply: Reply, asked: Asked | undefined): Ip {
  return asked !== undefined && reply.sourceMac === asked.serverMac ? asked.server : reply.sourceIp;
}

function granted(reply: Reply, server: Ip, asked: Asked | undefined): Meaning {
  const { options, yiaddr } = reply.message;
  // Servers exist that leave `yiaddr` empty in an ACK, since the client knows what it asked for.
  const ip = yiaddr === '0.0.0.0' ? asked?.ip : yiaddr;
  if (ip === undefined || !isHost(ip)) return NOTHING;
  const leaseSeconds = secondsOption(options, OPTION.leaseTime) ?? UNSAID_LEASE_SECONDS;
  if (leaseSeconds === 0) return { kind: 'useless', server, problem: `it leases ${ip} for 0 seconds` };
  const prefixLength = prefixLengthOption(options);
  const router = addressesOption(options, OPTION.router)?.[0];
  const dns = addressesOption(options, OPTION.domainNameServer);
  const domain = textOption(options, OPTION.domainName);
  const terms: LeaseTerms = {
    ip,
    server,
    serverMac: reply.sourceMac,
    ...(prefixLength === undefined ? {} : { prefixLength }),
    ...(router === undefined ? {} : { router }),
    ...(dns === undefined ? {} : { dns }),
    ...(domain === undefined ? {} : { domain }),
    leaseSeconds,
    ...timesOf(leaseSeconds, {
      renewSeconds: secondsOption(options, OPTION.renewalTime),
      rebindSeconds: secondsOption(options, OPTION.rebindingTime),
    }),
  };
  return { kind: 'ack', terms };
}

/** Unicast, and neither "this network" nor loopback: what a client may be given. */
function isHost(address: Ip): boolean {
  const first = Number(ipToBigInt(address) >> 24n);
  return first > 0 && first < 224 && first !== 127;
}

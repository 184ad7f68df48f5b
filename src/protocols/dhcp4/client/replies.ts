/** What a server's message means to the client. Anything unusable is as if it had been lost on the way. */
import { ipToBigInt, type Ip } from '../../../model/ip.ts';
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
import { timesOf, type LeaseTerms } from './lease.ts';

export type Meaning =
  | { readonly kind: 'offer'; readonly ip: Ip; readonly server: Ip }
  | { readonly kind: 'ack'; readonly terms: LeaseTerms }
  | { readonly kind: 'nak'; readonly server: Ip; readonly text: string | undefined }
  | { readonly kind: 'nothing' };

const NOTHING: Meaning = { kind: 'nothing' };

/** `held`: the address that a renewal is about; servers exist that leave `yiaddr` empty then. */
export function meaningOf(reply: Reply, held?: Ip): Meaning {
  const { message } = reply;
  const server = addressOption(message.options, OPTION.serverIdentifier);
  switch (byteOption(message.options, OPTION.messageType)) {
    case MESSAGE_TYPE.offer:
      // Without its identifier the server could not be told from the others in the REQUEST.
      if (server === undefined || !isHost(message.yiaddr)) return NOTHING;
      return { kind: 'offer', ip: message.yiaddr, server };
    case MESSAGE_TYPE.ack: {
      const terms = termsOf(reply, server ?? reply.sourceIp, held);
      return terms === undefined ? NOTHING : { kind: 'ack', terms };
    }
    case MESSAGE_TYPE.nak:
      return { kind: 'nak', server: server ?? reply.sourceIp, text: textOption(message.options, OPTION.message) };
    default:
      return NOTHING;
  }
}

function termsOf(reply: Reply, server: Ip, held: Ip | undefined): LeaseTerms | undefined {
  const { options, yiaddr } = reply.message;
  const ip = yiaddr === '0.0.0.0' ? held : yiaddr;
  const leaseSeconds = secondsOption(options, OPTION.leaseTime);
  if (ip === undefined || !isHost(ip) || leaseSeconds === undefined || leaseSeconds === 0) return undefined;
  const prefixLength = prefixLengthOption(options);
  const router = addressesOption(options, OPTION.router)?.[0];
  const dns = addressesOption(options, OPTION.domainNameServer);
  const domain = textOption(options, OPTION.domainName);
  return {
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
}

/** Unicast, and neither "this network" nor loopback: what a client may be given. */
function isHost(address: Ip): boolean {
  const first = Number(ipToBigInt(address) >> 24n);
  return first > 0 && first < 224 && first !== 127;
}

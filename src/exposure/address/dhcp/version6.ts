/** DHCPv6 for those who keep leases: from the node's own link-local address, and to all servers of the link. */
import { isLinkLocal, familyOf, type Ip } from '../../../model/ip.ts';
import type { Link } from '../../../model/wire.ts';
import type { Forms } from '../../../protocols/dhcp6/client/events.ts';
import { createDhcp6Client } from '../../../protocols/dhcp6/client/machine.ts';
import { ALL_SERVERS, CLIENT_PORT, MESSAGE_TYPE, OPTION, SERVER_PORT } from '../../../protocols/dhcp6/codes.ts';
import { decodeUdp6Frame, encodeUdp6Frame } from '../../../protocols/dhcp6/frame.ts';
import { dhcp6IdentityOf } from '../../../protocols/dhcp6/identity.ts';
import { decodeMessage, encodeMessage } from '../../../protocols/dhcp6/message.ts';
import { optionOf } from '../../../protocols/dhcp6/options.ts';
import { multicastMac, UNSPECIFIED } from '../../../protocols/ndp/multicast.ts';
import { LinkSockets, type Transport } from './link-sockets.ts';
import { fromRecord6, toRecord } from './record.ts';
import type { Version } from './version.ts';

const SERVERS_MAC = multicastMac(ALL_SERVERS);

const TRANSPORT: Transport<Forms> = {
  frames: { etherType: 0x86dd, udpPort: CLIENT_PORT },
  // They go to where the question came from, which is this interface.
  strayAnswers: false,
  lacks: (link) =>
    linkLocal(link) === undefined
      ? `interface ${link.name} has no link-local IPv6 address (is IPv6 switched off?)`
      : undefined,
  encode: (link, { message }) =>
    encodeUdp6Frame({
      sourceMac: link.mac,
      targetMac: SERVERS_MAC,
      sourceIp: linkLocal(link) ?? UNSPECIFIED,
      targetIp: ALL_SERVERS,
      sourcePort: CLIENT_PORT,
      targetPort: SERVER_PORT,
      payload: encodeMessage(message),
    }),
  decode(frame) {
    const { sourceIp, payload } = decodeUdp6Frame(frame);
    const message = decodeMessage(payload);
    const ofServer = message.type === MESSAGE_TYPE.advertise || message.type === MESSAGE_TYPE.reply;
    return ofServer ? { message, sourceIp } : undefined;
  },
};

export const DHCP6: Version<Forms> = {
  name: 'DHCPv6',
  // No server is known that asks about an address before it offers it: that is the client's part (RFC 8415 §18.2.10.1).
  inTurns: false,
  sockets: (network, events) => new LinkSockets(network, events, TRANSPORT),
  client: ({ identity, hostname, requested }, entropy) =>
    createDhcp6Client(
      { ...dhcp6IdentityOf(identity.clientId), hostname, ...(requested === undefined ? {} : { requested }) },
      entropy,
    ),
  clientOf: ({ clientId }) => hex(dhcp6IdentityOf(clientId).duid),
  addressee: ({ message }) => hex(optionOf(message.options, OPTION.clientIdentifier) ?? Uint8Array.of()),
  toRecord,
  fromRecord: fromRecord6,
  describe: ({ message }) => ({ to: ALL_SERVERS, xid: message.transactionId }),
};

function linkLocal({ addresses }: Link): Ip | undefined {
  return addresses.find(({ ip }) => familyOf(ip) === 6 && isLinkLocal(ip))?.ip;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

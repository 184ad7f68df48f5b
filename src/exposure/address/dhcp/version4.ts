/** DHCPv4 for those who keep leases. */
import { BOOT_REPLY, CLIENT_PORT, SERVER_PORT } from '../../../protocols/dhcp4/codes.ts';
import type { Forms } from '../../../protocols/dhcp4/client/events.ts';
import { createDhcpClient } from '../../../protocols/dhcp4/client/machine.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage } from '../../../protocols/dhcp4/message.ts';
import { LinkSockets, type Transport } from './link-sockets.ts';
import { fromRecord, toRecord } from './record.ts';
import type { Version } from './version.ts';

const TRANSPORT: Transport<Forms> = {
  frames: { etherType: 0x0800, udpPort: CLIENT_PORT },
  // A server that does not heed the broadcast flag answers to `chaddr`.
  strayAnswers: true,
  lacks: () => undefined,
  encode: ({ mac }, { message, sourceIp, targetIp, targetMac }) =>
    encodeUdpFrame({
      // The node's own address, never `chaddr`: access points and switches drop what comes from an address they do not know.
      sourceMac: mac,
      targetMac,
      sourceIp,
      targetIp,
      sourcePort: CLIENT_PORT,
      targetPort: SERVER_PORT,
      payload: encodeMessage(message),
    }),
  decode(frame) {
    const { sourceIp, sourceMac, payload } = decodeUdpFrame(frame);
    const message = decodeMessage(payload);
    return message.op === BOOT_REPLY ? { message, sourceIp, sourceMac } : undefined;
  },
};

export const DHCP4: Version<Forms> = {
  name: 'DHCP',
  inTurns: true,
  sockets: (network, events) => new LinkSockets(network, events, TRANSPORT),
  client: ({ identity, hostname, requested, standby }, entropy) =>
    createDhcpClient(
      {
        ...identity,
        hostname,
        ...(requested === undefined ? {} : { requested }),
        ...(standby === undefined ? {} : { standby }),
      },
      entropy,
    ),
  clientOf: ({ mac }) => mac,
  addressee: ({ message }) => message.chaddr,
  toRecord,
  fromRecord,
  describe: ({ targetIp, message }) => ({ to: targetIp, xid: message.xid }),
};

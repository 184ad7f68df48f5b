/**
 * What a DHCP server would give a stranger: one DISCOVER, and never a REQUEST, so that nothing is taken. A server keeps
 * what it offers aside for a moment at most, and forgets it.
 */
import { DecodeError } from '../../../model/errors.ts';
import type { Ip } from '../../../model/ip.ts';
import { BROADCAST_MAC, macFromBytes } from '../../../model/mac.ts';
import type { Clock, Entropy, Milliseconds, Timer } from '../../../model/time.ts';
import type { Link, Network } from '../../../model/wire.ts';
import {
  BOOT_REPLY,
  BOOT_REQUEST,
  BROADCAST_FLAG,
  CLIENT_PORT,
  MESSAGE_TYPE,
  OPTION,
  SERVER_PORT,
} from '../../../protocols/dhcp4/codes.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../protocols/dhcp4/message.ts';
import {
  addressesValue,
  addressOption,
  byteOption,
  byteValue,
  prefixLengthOption,
} from '../../../protocols/dhcp4/options.ts';

export interface SurveyedOffer {
  readonly server: Ip;
  readonly ip: Ip;
  readonly prefixLength?: number;
  readonly router?: Ip;
}

export interface SurveyOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly link: Link;
  /** Asked for (option 50): a server that hands it out, and knows nobody who has it, offers just this. */
  readonly wish?: Ip;
  /** How long to wait for the first offer. Default 4 s: dnsmasq pings an address for 3 s before it offers it. */
  readonly patience?: Milliseconds;
}

const PATIENCE: Milliseconds = 4000;
/** Where there are two servers they answer within this of each other, unless one of them pings first. */
const OTHERS: Milliseconds = 250;
const ETHERTYPE_IPV4 = 0x0800;
const NOWHERE = '0.0.0.0' as Ip;

/** @returns one offer of each server; none: nobody answered in time. @throws OsError where frames cannot be sent. */
export async function surveyDhcp(options: SurveyOptions): Promise<SurveyedOffer[]> {
  const { network, clock, entropy, link, patience = PATIENCE } = options;
  const random = entropy.bytes(10);
  const xid = new DataView(random.buffer, random.byteOffset).getUint32(0);
  // Locally administered, and of nobody: the server shall not think of this machine's own lease.
  const chaddr = macFromBytes(Uint8Array.of(((random[4] ?? 0) & 0xf0) | 0x02, ...random.subarray(5, 10)));
  const offers = new Map<Ip, SurveyedOffer>();
  return await new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const end = (): void => {
      timer?.cancel();
      socket.close();
      resolve([...offers.values()]);
    };
    const socket = network.openFrames({ link, etherType: ETHERTYPE_IPV4, udpPort: CLIENT_PORT }, (frame) => {
      const offer = readOffer(frame, xid);
      if (offer === undefined) return;
      if (offers.size === 0) {
        timer?.cancel();
        timer = clock.after(OTHERS, end);
      }
      offers.set(offer.server, offer);
    });
    timer = clock.after(patience, end);
    try {
      socket.send(
        encodeUdpFrame({
          sourceMac: link.mac,
          targetMac: BROADCAST_MAC,
          sourceIp: NOWHERE,
          targetIp: '255.255.255.255' as Ip,
          sourcePort: CLIENT_PORT,
          targetPort: SERVER_PORT,
          payload: encodeMessage(discover(xid, chaddr, options.wish)),
        }),
      );
    } catch (error) {
      timer.cancel();
      socket.close();
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function discover(xid: number, chaddr: DhcpMessage['chaddr'], wish: Ip | undefined): DhcpMessage {
  return {
    op: BOOT_REQUEST,
    hops: 0,
    xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: NOWHERE,
    yiaddr: NOWHERE,
    siaddr: NOWHERE,
    giaddr: NOWHERE,
    chaddr,
    sname: '',
    file: '',
    options: new Map([
      [OPTION.messageType, byteValue(MESSAGE_TYPE.discover)],
      ...(wish === undefined ? [] : [[OPTION.requestedAddress, addressesValue(wish)] as const]),
      [OPTION.parameterRequestList, Uint8Array.of(OPTION.subnetMask, OPTION.router, OPTION.leaseTime)],
    ]),
  };
}

function readOffer(frame: Uint8Array, xid: number): SurveyedOffer | undefined {
  try {
    const { payload } = decodeUdpFrame(frame);
    const { op, xid: answered, yiaddr, options } = decodeMessage(payload);
    if (op !== BOOT_REPLY || answered !== xid || yiaddr === NOWHERE) return undefined;
    if (byteOption(options, OPTION.messageType) !== MESSAGE_TYPE.offer) return undefined;
    const server = addressOption(options, OPTION.serverIdentifier);
    if (server === undefined) return undefined;
    const prefixLength = prefixLengthOption(options);
    const router = addressOption(options, OPTION.router);
    return {
      server,
      ip: yiaddr,
      ...(prefixLength === undefined ? {} : { prefixLength }),
      ...(router === undefined ? {} : { router }),
    };
  } catch (error) {
    // Anybody on the LAN can send anything to port 68.
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

/**
 * When each of many addresses is served again by another machine than before, as a client without a limit on its
 * neighbours sees it: `sweep-main ADDRESS,ADDRESS,… OLD_MAC`, from `eth0` of where it runs. Whoever claims an address,
 * asked or not, is sent an echo request at once, and only its answer counts.
 *
 * Says `ready`, and listens; asks for what nobody claims from the first line of standard input on (before, the old owner
 * would have to answer all of it); ends with standard input, and prints a SweepLog.
 */
import { createNetwork } from '../../../src/linux/network.ts';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip, ipFromBytes, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, macFromBytes, macToBytes, parseMac, ZERO_MAC, type Mac } from '../../../src/model/mac.ts';
import { ARP_ETHER_TYPE, claimedBy, decodeArp, encodeArp } from '../../../src/protocols/arp/packet.ts';
import { checksumOf, wordSum } from '../../../src/protocols/internet-checksum.ts';
import type { SweepLog } from './sweep-log.ts';

const IPV4_ETHER_TYPE = 0x0800;
/** Each address so often, one after the other: a burst would be most of what the new owners are busy with. */
const ASK_EVERY_MS = 200;
const TICK_MS = 2;
/** How exactly the old owner's last sign of life is known. */
const OLD_EVERY_MS = 2;
const [ICMP, ECHO_REPLY, ECHO_REQUEST] = [1, 0, 8];

const addresses = (process.argv[2] ?? '').split(',').map(ip);
const [first = ip('0.0.0.0')] = addresses;
const oldMac = parseMac(process.argv[3] ?? '') ?? ZERO_MAC;

const network = createNetwork();
const link = network.links().find(({ name }) => name === 'eth0');
if (!link) throw new Error('there is no eth0 here');
const own = link.addresses.find((address) => !address.ip.includes(':'))?.ip ?? ip('0.0.0.0');
const claimed = new Map<Ip, Mac>();
const log: SweepLog = { oldUntil: 0, servedAt: {} };
const wanted = new Set(addresses);
const now = (): number => performance.timeOrigin + performance.now();

const arp = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, (frame) => {
  try {
    const packet = decodeArp(frame);
    const address = claimedBy(packet);
    if (address === undefined || !wanted.has(address) || packet.senderMac === oldMac) return;
    claimed.set(address, packet.senderMac);
    ip4.send(echoRequest(address, packet.senderMac));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
});
const ip4 = network.openFrames({ link, etherType: IPV4_ETHER_TYPE }, (frame) => {
  if (frame.length < 42 || frame[23] !== ICMP || frame[34] !== ECHO_REPLY) return;
  const address = ipFromBytes(frame.subarray(26, 30));
  if (macFromBytes(frame.subarray(6, 12)) === oldMac) log.oldUntil = now();
  else if (wanted.delete(address)) log.servedAt[address] = now();
});

setInterval(() => {
  if (Object.keys(log.servedAt).length === 0) ip4.send(echoRequest(first, oldMac));
}, OLD_EVERY_MS);
process.stdin.once('data', () => setInterval(ask, TICK_MS));
process.stdin.on('end', () => {
  process.stdout.write(`${JSON.stringify(log)}\n`, () => process.exit(0));
});
console.log('ready');

let turn = 0;

function ask(): void {
  const last = turn + Math.ceil((addresses.length * TICK_MS) / ASK_EVERY_MS);
  for (; turn < last; turn++) {
    const address = addresses[turn % addresses.length];
    if (address === undefined || !wanted.has(address)) continue;
    const mac = claimed.get(address);
    if (mac) ip4.send(echoRequest(address, mac));
    else if (link) arp.send(question(address, link.mac));
  }
}

function question(targetIp: Ip, mac: Mac): Uint8Array {
  return encodeArp({
    ...{ to: BROADCAST_MAC, from: mac, operation: 'request' },
    ...{ senderMac: mac, senderIp: own, targetMac: ZERO_MAC, targetIp },
  });
}

/** Ethernet, IPv4 and ICMP. */
function echoRequest(target: Ip, to: Mac): Uint8Array {
  const frame = new Uint8Array(50);
  frame.set(macToBytes(to), 0);
  frame.set(macToBytes(link?.mac ?? ZERO_MAC), 6);
  const view = new DataView(frame.buffer);
  view.setUint16(12, IPV4_ETHER_TYPE);
  view.setUint16(14, 0x4500);
  view.setUint16(16, 36);
  view.setUint16(22, (64 << 8) | ICMP);
  frame.set(ipToBytes(own), 26);
  frame.set(ipToBytes(target), 30);
  view.setUint16(24, checksumOf(wordSum(frame.subarray(14, 34))));
  view.setUint8(34, ECHO_REQUEST);
  view.setUint16(38, process.pid & 0xffff);
  view.setUint16(36, checksumOf(wordSum(frame.subarray(34))));
  return frame;
}

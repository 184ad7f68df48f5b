/**
 * When each of many addresses is served again by another machine than before, as a client without a limit on its
 * neighbours sees it: `sweep-main ADDRESS,ADDRESS,… OLD_MAC`, from `eth0` of where it runs. Whoever claims an address,
 * asked or not, is sent an echo request at once, and only its answer counts.
 *
 * Says `ready`, and listens; asks for what nobody claims from the first line of standard input on (before, the old owner
 * would have to answer all of it); ends with standard input, and prints a SweepLog.
 *
 * It shares its machine with all that it looks at: so it reads frames as bytes, and asks by broadcast, which every host
 * has to hear, no more than it needs to find what was not announced.
 */
import { createNetwork } from '../../../src/linux/network.ts';
import { ip, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, macFromBytes, macToBytes, parseMac, ZERO_MAC, type Mac } from '../../../src/model/mac.ts';
import { ARP_ETHER_TYPE, encodeArp } from '../../../src/protocols/arp/packet.ts';
import { checksumOf, wordSum } from '../../../src/protocols/internet-checksum.ts';
import type { SweepLog } from './sweep-log.ts';

const IPV4_ETHER_TYPE = 0x0800;
const TICK_MS = 2;
/** Who has claimed an address and not answered is asked for an echo so often. */
const ECHO_EVERY_MS = 50;
/** An address that nobody claims is asked for in each so manieth round of that. */
const QUESTION_ROUNDS = 10;
/** How exactly the old owner's last sign of life is known. */
const OLD_EVERY_MS = 2;
const [ICMP, ECHO_REPLY, ECHO_REQUEST] = [1, 0, 8];
/** Offsets in a frame. */
const AT = { from: 6, arpSenderMac: 22, arpSenderIp: 28, protocol: 23, source: 26, icmpType: 34 } as const;

interface Target {
  readonly address: Ip;
  /** Who claims it. */
  mac?: Mac;
  served?: true;
}

const targets: readonly Target[] = (process.argv[2] ?? '').split(',').map((text) => ({ address: ip(text) }));
const byNumber = new Map(targets.map((target) => [numberAt(ipToBytes(target.address), 0), target]));
const first = targets[0]?.address ?? ip('0.0.0.0');
const oldMac = parseMac(process.argv[3] ?? '') ?? ZERO_MAC;
const oldMacBytes = macToBytes(oldMac);

const network = createNetwork();
const link = network.links().find(({ name }) => name === 'eth0');
if (!link) throw new Error('there is no eth0 here');
const own = link.addresses.find((address) => !address.ip.includes(':'))?.ip ?? ip('0.0.0.0');
const log: SweepLog = { oldUntil: 0, servedAt: {} };
let servedAny = false;
const now = (): number => performance.timeOrigin + performance.now();

const arp = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, (frame) => {
  const target = frame.length < 42 ? undefined : byNumber.get(numberAt(frame, AT.arpSenderIp));
  if (!target || target.served || isOld(frame, AT.arpSenderMac)) return;
  target.mac = macFromBytes(frame.subarray(AT.arpSenderMac, AT.arpSenderMac + 6));
  ip4.send(echoRequest(target.address, target.mac));
});
const ip4 = network.openFrames({ link, etherType: IPV4_ETHER_TYPE }, (frame) => {
  if (frame.length < 42 || frame[AT.protocol] !== ICMP || frame[AT.icmpType] !== ECHO_REPLY) return;
  if (isOld(frame, AT.from)) {
    log.oldUntil = now();
    return;
  }
  const target = byNumber.get(numberAt(frame, AT.source));
  if (!target || target.served) return;
  [target.served, servedAny] = [true, true];
  log.servedAt[target.address] = now();
});

setInterval(() => {
  if (!servedAny) ip4.send(echoRequest(first, oldMac));
}, OLD_EVERY_MS);
process.stdin.once('data', () => setInterval(ask, TICK_MS));
process.stdin.on('end', () => {
  process.stdout.write(`${JSON.stringify(log)}\n`, () => process.exit(0));
});
console.log('ready');

let turn = 0;

function ask(): void {
  const last = turn + Math.ceil((targets.length * TICK_MS) / ECHO_EVERY_MS);
  for (; turn < last; turn++) {
    const target = targets[turn % targets.length];
    if (!target || target.served) continue;
    const isItsRound = (turn + Math.floor(turn / targets.length)) % QUESTION_ROUNDS === 0;
    if (target.mac) ip4.send(echoRequest(target.address, target.mac));
    else if (link && isItsRound) arp.send(question(target.address, link.mac));
  }
}

function numberAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}

function isOld(frame: Uint8Array, offset: number): boolean {
  return oldMacBytes.every((byte, i) => frame[offset + i] === byte);
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

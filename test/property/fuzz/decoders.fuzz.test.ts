/** Each decoder under generated hostile inputs. `npm run fuzz` gives each of them a million. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, parseMac } from '../../../src/model/mac.ts';
import { arpProbe, decodeArp, encodeArp } from '../../../src/protocols/arp/packet.ts';
import { decodeBfd, encodeBfd } from '../../../src/protocols/bfd/packet.ts';
import { createFramer } from '../../../src/protocols/bgp/framing.ts';
import { decodeMessage as decodeBgp, encodeMessage as encodeBgp } from '../../../src/protocols/bgp/message.ts';
import { shutdown } from '../../../src/protocols/bgp/notification.ts';
import { nlriOf, prefixesIn, prefixOf } from '../../../src/protocols/bgp/prefix.ts';
import { endOfRib } from '../../../src/protocols/bgp/update.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { decodeMessage as decodeDhcp } from '../../../src/protocols/dhcp4/message.ts';
import { decodeUdp6Frame, encodeUdp6Frame } from '../../../src/protocols/dhcp6/frame.ts';
import { decodeAssociation } from '../../../src/protocols/dhcp6/identity-association.ts';
import { decodeMessage as decodeDhcp6 } from '../../../src/protocols/dhcp6/message.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../../src/protocols/heartbeat/codec.ts';
import { decodeIgdDescription } from '../../../src/protocols/igd/description.ts';
import { decodeSoapResponse } from '../../../src/protocols/igd/soap.ts';
import { parseXml } from '../../../src/protocols/igd/xml.ts';
import { decodeMessage as decodeDns, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { message } from '../../../src/protocols/mdns/message.ts';
import { decodeNatPmpResponse } from '../../../src/protocols/natpmp/message.ts';
import { ndpProbe, unsolicitedAdvertisement } from '../../../src/protocols/ndp/forms.ts';
import { decodeNdp, encodeNdp } from '../../../src/protocols/ndp/packet.ts';
import { decodePcpResponse } from '../../../src/protocols/pcp/codec.ts';
import { decodeSsdp } from '../../../src/protocols/ssdp/codec.ts';
import { chanceFrom, seedFrom } from '../../support/chance.ts';
import { mutate } from '../../support/mutate.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 3000);
const SEED = seedFrom(process.env['FUZZ_SEED']);
/** A single input that takes longer could hold up an agent. */
const SLOWEST_MS = 50;
/** The machine may be busy with something else just then: what is really slow is slow again. */
const TRIES = 3;

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const hex = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value.replaceAll(' ', ''), 'hex'));
const MAC = parseMac('02:77:00:00:00:01') ?? BROADCAST_MAC;

const dhcp = Uint8Array.from([
  ...hex('02010600 3903f326 00008000 00000000 0a4d0065 0a4d0001 00000000 027700000001'),
  ...new Uint8Array(202),
  ...hex('63825363 350102 36040a4d0001 330400000e10 0104ffffff00 03040a4d0001 0f036c616e ff'),
]);
const udp = encodeUdpFrame({
  sourceMac: MAC,
  targetMac: BROADCAST_MAC,
  sourceIp: ip('10.77.0.1'),
  targetIp: ip('255.255.255.255'),
  sourcePort: 67,
  targetPort: 68,
  payload: dhcp,
});
const association = hex(
  '00000001 0000003c 00000069 0005 001c fd770000000000000000000000010042 00000078 00000078 000d 0004 0000 6f6b',
);
const dhcp6 = Uint8Array.from([
  ...hex('07 a1b2c3 0001 0006 0004aabbccdd 0002 000a 00030001027700000001 0003 002c'),
  ...association,
  ...hex('0007 0001 ff 000d 0002 0000'),
]);
const udp6 = encodeUdp6Frame({
  sourceMac: MAC,
  targetMac: BROADCAST_MAC,
  sourceIp: ip('fe80::1'),
  targetIp: ip('fe80::2'),
  sourcePort: 547,
  targetPort: 546,
  payload: dhcp6,
});
const dns = encodeMessage(
  message('response', {
    questions: [{ name: 'web.local', type: 'ANY', unicast: true }],
    answers: [
      { name: 'web.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.101') },
      { name: '_http._tcp.local', type: 'PTR', ttl: 4500, flush: false, data: 'web._http._tcp.local' },
      {
        name: 'web._http._tcp.local',
        type: 'SRV',
        ttl: 120,
        flush: true,
        data: { priority: 0, weight: 0, port: 80, target: 'web.local' },
      },
      { name: 'web._http._tcp.local', type: 'TXT', ttl: 4500, flush: true, data: [text('path=/')] },
    ],
  }),
);
const xml = text(
  '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl</controlURL></service></serviceList></device></root>',
);
const soap = text(
  '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:GetExternalIPAddressResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"><NewExternalIPAddress>192.0.1.2</NewExternalIPAddress></u:GetExternalIPAddressResponse></s:Body></s:Envelope>',
);
const ndp = [ndpProbe(MAC, ip('fd77::1')), unsolicitedAdvertisement(MAC, ip('fd77::2'))].map(encodeNdp);

const bfd = encodeBfd({
  diagnostic: 1,
  state: 'Up',
  poll: true,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 1,
  yourDiscriminator: 2,
  desiredMinTx: 50_000,
  requiredMinRx: 50_000,
  requiredMinEchoRx: 0,
});
const bgp = [
  encodeBgp({
    kind: 'open',
    as2: 65000,
    holdTime: 90,
    identifier: ip('10.77.0.1'),
    capabilities: [
      { kind: 'multiprotocol', afi: 1, safi: 1 },
      { kind: 'four-octet-as', asn: 4_200_000_000 },
      {
        kind: 'graceful-restart',
        restarted: false,
        notification: true,
        seconds: 120,
        families: [{ afi: 1, safi: 1, forwarding: true }],
      },
    ],
  }),
  encodeBgp({
    kind: 'update',
    withdrawn: [nlriOf(4, [prefixOf(ip('10.98.0.0'), 16)]), nlriOf(6, [prefixOf(ip('2001:db8::'), 64)])],
    announced: [
      { ...nlriOf(4, [prefixOf(ip('10.99.0.1')), prefixOf(ip('10.99.0.2'))]), nextHops: [ip('10.77.0.1')] },
      { ...nlriOf(6, [prefixOf(ip('2001:db8::1'))]), nextHops: [ip('2001:db8::2'), ip('fe80::1')] },
    ],
    attributes: {
      origin: 'igp',
      asPath: [{ type: 'sequence', asns: [65000, 4_200_000_000] }],
      med: 1,
      localPref: 100,
      communities: [0xffff_0000],
      largeCommunities: [[65000, 1, 2]],
    },
    faults: [],
  }),
  encodeBgp(endOfRib(6)),
  encodeBgp(shutdown(2, 'maintenance')),
  encodeBgp({ kind: 'keepalive' }),
  encodeBgp({ kind: 'route-refresh', afi: 1, safi: 1, subtype: 0 }),
];
/** Both kinds of AS numbers, and whatever is in there looked at. */
const readBgp = (bytes: Uint8Array): void => {
  for (const as4 of [true, false]) {
    for (const frame of createFramer().push(bytes)) {
      const message = decodeBgp(frame, as4);
      if (message.kind === 'update') [...message.announced, ...message.withdrawn].forEach(prefixesIn);
    }
  }
};

const heartbeat = encodeHeartbeat({
  group: 1,
  node: 'n1',
  epoch: 0x1122334455667788n,
  sequence: 7,
  uptime: 60_000,
  interval: 50,
  missed: 3,
  ready: true,
  draining: false,
  leaving: false,
  complete: true,
  claimCount: 2,
  claimDigest: 3,
  heard: [{ node: 4, epoch: 5, sequence: 6, age: 7, live: true, synced: true }],
  claims: [
    { address: ip('10.77.0.100'), term: 1 },
    { address: ip('fd77::100'), term: 2 },
  ],
  dropped: [ip('10.77.0.101')],
  offers: [{ address: ip('10.77.0.100'), term: 1, to: 4 }],
  relayed: [{ address: ip('10.77.0.102'), term: 1, owner: 4 }],
});

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const decoders: readonly [string, (bytes: Uint8Array) => unknown, Uint8Array[]][] = [
  ['ARP', decodeArp, [encodeArp(arpProbe(MAC, ip('10.77.0.1')))]],
  ['NDP', decodeNdp, ndp],
  ['frames that carry DHCP', decodeUdpFrame, [udp]],
  ['DHCP', decodeDhcp, [dhcp]],
  ['frames that carry DHCPv6', decodeUdp6Frame, [udp6]],
  ['DHCPv6', decodeDhcp6, [dhcp6]],
  ['IA_NA of DHCPv6', decodeAssociation, [association]],
  ['Multicast DNS', decodeDns, [dns]],
  [
    'SSDP',
    decodeSsdp,
    [
      text(
        'HTTP/1.1 200 OK\r\nLOCATION: http://10.77.0.1:5000/rootDesc.xml\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nUSN: uuid:1\r\nCACHE-CONTROL: max-age=120\r\n\r\n',
      ),
    ],
  ],
  ['heartbeats', decodeHeartbeat, [heartbeat]],
  ['XML', (bytes) => parseXml(latin(bytes)), [xml, soap]],
  ['IGD descriptions', (bytes) => decodeIgdDescription(latin(bytes), 'http://10.77.0.1:5000/rootDesc.xml'), [xml]],
  ['SOAP', (bytes) => decodeSoapResponse(latin(bytes), 'GetExternalIPAddress'), [soap]],
  [
    'PCP',
    decodePcpResponse,
    [
      hex(
        '02810000 00000e10 00000064 000000000000000000000000 000102030405060708090a0b 06000000 0050 1f90 00000000000000000000ffffc0000102',
      ),
    ],
  ],
  ['BGP', readBgp, bgp],
  ['BFD', decodeBfd, [bfd]],
  ['NAT-PMP', decodeNatPmpResponse, [hex('00820000 00000064 0050 1f90 00000e10'), hex('00800000 00000064 c0000102')]],
];

describe(`decoders under ${RUNS} hostile inputs each (FUZZ_SEED=${SEED})`, () => {
  it.each(decoders)(
    '%s: a value or a DecodeError, and never slowly',
    async (name, decode, seeds) => {
      const chance = chanceFrom(SEED);
      const heap = process.memoryUsage().heapUsed;
      let [accepted, refused, slowest] = [0, 0, 0];
      for (let i = 0; i < RUNS; i++) {
        // The runner wants to hear from its tests now and then.
        if (i % 10_000 === 9999) await setImmediate();
        const bytes = mutate(chance, seeds);
        let took = timed(decode, bytes);
        for (let again = 1; again < TRIES && took.ms > SLOWEST_MS; again++) took = timed(decode, bytes);
        if (took.accepted) accepted++;
        else refused++;
        slowest = Math.max(slowest, took.ms);
      }
      const growth = (process.memoryUsage().heapUsed - heap) / 2 ** 20;
      console.log(
        `${name}: ${RUNS} inputs, ${accepted} accepted, ${refused} DecodeErrors, slowest ${slowest.toFixed(1)} ms, heap ${growth.toFixed(1)} MB`,
      );
      expect(accepted + refused).toBe(RUNS);
      // Otherwise the inputs never got past the door.
      expect(accepted).toBeGreaterThan(0);
      expect(slowest).toBeLessThan(SLOWEST_MS);
    },
    3_600_000,
  );
});

/** @throws whatever is no DecodeError, with the input. */
function timed(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): { accepted: boolean; ms: number } {
  const start = performance.now();
  let accepted = true;
  try {
    decode(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError))
      throw new Error(`input ${Buffer.from(bytes).toString('hex')}`, { cause: error });
    accepted = false;
  }
  return { accepted, ms: performance.now() - start };
}

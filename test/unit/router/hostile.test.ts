/** What a broken router, or anybody on the LAN who plays one, may answer: none of it is believed, none of it does harm. */
import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { HttpResponse } from '../../../src/model/wire.ts';
import { decodeNatPmpRequest, encodeNatPmpResponse } from '../../../src/protocols/natpmp/message.ts';
import { decodePcpRequest, encodePcpResponse } from '../../../src/protocols/pcp/codec.ts';
import type { PcpMap } from '../../../src/protocols/pcp/message.ts';
import { VIP, VIP6 } from '../../support/router-world.ts';
import { createStage, request, type Stage } from './harness.ts';

const ROUTER = ip('10.77.0.1');
const EPOCH = 1_000_000;

/** While the router itself is silent, everybody who hears a request at `at` answers so from there. */
async function answeredBy(at: Ip, port: number, answer: (asked: Uint8Array) => Uint8Array[]): Promise<Stage> {
  const stage = await createStage();
  stage.router.set.on = false;
  const impostor = stage.lan.host({
    name: 'impostor',
    mac: parseMac('02:77:00:00:00:66')!,
    addresses: [{ ip: at, prefixLength: 24 }],
  });
  const answering = await impostor.network.openDatagrams({
    family: 4,
    localPort: port,
    onDatagram: () => undefined,
    onError: () => undefined,
  });
  const listening = await impostor.network.openDatagrams({
    family: 4,
    localIp: ROUTER,
    localPort: 5351,
    onDatagram: ({ data, from }) => {
      for (const bytes of answer(data)) answering.send(bytes, from);
    },
    onError: () => undefined,
  });
  if (listening.localPort !== 5351) throw new Error('the impostor hears nothing');
  return stage;
}

/** The right answer to a MAP or ANNOUNCE, with what is to be wrong about it. */
const pcpYes =
  (wrong: { readonly map?: Partial<PcpMap>; readonly opcode?: number } = {}) =>
  (asked: Uint8Array): Uint8Array[] => {
    if (asked[0] !== 2) return [];
    const { opcode, map, lifetime } = decodePcpRequest(asked);
    const given = map && { map: { ...map, externalIp: ip('84.112.3.4'), ...wrong.map } };
    return [
      encodePcpResponse({
        opcode: map ? (wrong.opcode ?? opcode) : opcode,
        result: 0,
        lifetime,
        epoch: EPOCH,
        options: [],
        ...given,
      }),
    ];
  };
const pmpYes =
  (wrong: { readonly internalPort?: number; readonly protocol?: 'TCP' | 'UDP' }) =>
  (asked: Uint8Array): Uint8Array[] => {
    if (asked[0] !== 0) return [];
    const message = decodeNatPmpRequest(asked);
    if (message.kind === 'address') return [encodeNatPmpResponse({ ...message, result: 0, epoch: EPOCH })];
    const { protocol, ...mapping } = message;
    return [
      encodeNatPmpResponse({ kind: 'map', result: 0, epoch: EPOCH, protocol, mapping, ...spoilt(mapping, wrong) }),
    ];
  };
function spoilt(
  mapping: object,
  { internalPort, protocol }: { readonly internalPort?: number; readonly protocol?: 'TCP' | 'UDP' },
): object {
  return {
    ...(protocol === undefined ? {} : { protocol }),
    ...(internalPort === undefined ? {} : { mapping: { ...mapping, internalPort } }),
  };
}

async function isNotBelieved(stage: Stage): Promise<void> {
  const decision = await stage.settle(request(), 30_000);
  expect(decision.state).toBe('failed');
  expect(['RouterUnreachable', 'NoPortMappingService', 'MappingRefused']).toContain(decision.reason);
  stage.router.set.on = true;
  await stage.clock.advanceAsync(400_000);
  expect([...stage.router.table().keys()]).toEqual(['TCP 8080']);
  expect(stage.mappings.ensure(request()).state).toBe('ready');
}

describe('an answer by PCP or NAT-PMP', () => {
  it('that is right is believed, so that those below are refused for what is wrong about them', async () => {
    const stage = await answeredBy(ROUTER, 5351, pcpYes());
    expect(await stage.settle(request())).toMatchObject({ state: 'ready', value: { records: [{ method: 'pcp' }] } });
  });

  it.each<[string, Parameters<typeof answeredBy>[2]]>([
    ['with the nonce of another request (PCP)', pcpYes({ map: { nonce: new Uint8Array(12) } })],
    ['for the mapping of another port (PCP)', pcpYes({ map: { internalPort: 81 } })],
    ['for another protocol (PCP)', pcpYes({ map: { protocol: 17 } })],
    ['to another question (PCP)', pcpYes({ opcode: 0 })],
    ['for the mapping of another port (NAT-PMP)', pmpYes({ internalPort: 81 })],
    ['for another protocol (NAT-PMP)', pmpYes({ protocol: 'UDP' })],
    ['that is the question itself', (asked) => [asked]],
    ['that is cut off', (asked) => pcpYes()(asked).map((bytes) => bytes.subarray(0, 30))],
    [
      'that is too long',
      (asked) => pcpYes()(asked).map((bytes) => Uint8Array.from([...bytes, ...new Uint8Array(4000)])),
    ],
    ['that is empty', () => [new Uint8Array()]],
    [
      'that is noise',
      () => Array.from({ length: 50 }, (_, i) => Uint8Array.from({ length: i }, (_x, j) => (i * 37 + j * 11) | 3)),
    ],
  ])('%s is not believed', async (_, answer) => {
    await isNotBelieved(await answeredBy(ROUTER, 5351, answer));
  });

  it('from another address is not believed', async () => {
    await isNotBelieved(await answeredBy(ip('10.77.0.66'), 5351, pcpYes()));
  });

  it('from another port of the router is not believed', async () => {
    await isNotBelieved(await answeredBy(ROUTER, 5352, pcpYes()));
  });
});

describe('a router whose epoch is any number', () => {
  it('has its mappings made once a second at most, and they stand', async () => {
    let asked = 0;
    const stage = await answeredBy(ROUTER, 5351, (message) => {
      const [bytes] = pcpYes()(message);
      asked++;
      if (bytes) new DataView(bytes.buffer).setUint32(8, (asked * 7919) % 1_000_003);
      return bytes ? [bytes] : [];
    });
    await stage.settle(request());
    asked = 0;
    await stage.clock.advanceAsync(30_000);
    expect(asked).toBeLessThan(40);
    expect(stage.mappings.ensure(request()).state).toBe('ready');
  });
});

const ok = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const soapEnd = '</s:Body></s:Envelope>';
const soapStart = '<s:Envelope xmlns:s="e"><s:Body>';
const HOSTILE: [string, HttpResponse][] = [
  ['a huge one', ok(`${soapStart}${'<a>x</a>'.repeat(100_000)}${soapEnd}`)],
  ['a deep one', ok(`${soapStart}${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}${soapEnd}`)],
  [
    'one whose entities grow without end',
    ok('<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><root>&b;</root>'),
  ],
  ['one that names a file of ours', ok('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><root>&x;</root>')],
  ['a redirect', { status: 302, headers: { location: 'http://169.254.169.254/latest/meta-data' }, body: '' }],
  ['a login page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html><p>Log in</html>' }],
  ['another action’s', ok(`${soapStart}<u:RebootResponse xmlns:u="x"/>${soapEnd}`)],
  ['a picture', { status: 200, headers: { 'content-type': 'image/png' }, body: '\u0089PNG\r\n\u001a\n\0\0\0' }],
  ['an empty one', ok('')],
];

describe.each([
  ['a mapping', VIP, 'TCP 8080'],
  ['a pinhole', VIP6, 'TCP [2a01:77::101]:80'],
] as const)('an answer by UPnP to the order for %s', (_, source, key) => {
  const wish = request({
    ip: source,
    ports: [{ protocol: 'TCP', internalPort: 80, externalPort: source === VIP ? 8080 : 80 }],
  });

  it.each(HOSTILE)('does no harm when it is %s, and the next good one is believed', async (_name, hostile) => {
    const stage = await createStage();
    Object.assign(stage.router.set, { pcp: false, natPmp: false });
    const hosts = new Set<string>();
    let bad = true;
    stage.node.onHttp((asked) => {
      hosts.add(new URL(asked.url).hostname);
      return bad && asked.method === 'POST' ? hostile : stage.router.http(asked);
    });
    const decision = await stage.settle(wish, 10_000);
    expect(decision).toMatchObject({ state: 'failed', reason: 'RouterUnreachable' });
    expect(decision.message.length).toBeLessThan(1000);
    expect([...hosts]).toEqual([source === VIP ? ROUTER : '[2a01:77::1]']);
    bad = false;
    await stage.clock.advanceAsync(400_000);
    expect(stage.mappings.ensure(wish).state).toBe('ready');
    expect([...stage.router.table().keys(), ...stage.router.pinholes().keys()]).toEqual([key]);
  });

  it.each(HOSTILE)('is not waited for when the description is %s', async (_name, hostile) => {
    const stage = await createStage();
    Object.assign(stage.router.set, { pcp: false, natPmp: false });
    stage.node.onHttp((asked) => (asked.method === 'GET' ? hostile : stage.router.http(asked)));
    expect(await stage.settle(wish, 10_000)).toMatchObject({ state: 'failed', reason: 'NoPortMappingService' });
  });

  it('is read in spite of a wrong content type', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, { pcp: false, natPmp: false });
    stage.node.onHttp((asked) => ({
      ...stage.router.http(asked),
      headers: { 'content-type': 'application/octet-stream' },
    }));
    expect((await stage.settle(wish)).state).toBe('ready');
  });
});

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createEquinixMetal } from '../../../src/exposure/bgp/provider/equinix-metal.ts';
import { getJson } from '../../../src/linux/get-json.ts';
import { messageOf } from '../../../src/model/errors.ts';

const TOKEN = 'very-secret-token';
/** As the API's documentation has them. */
const DEVICES = {
  devices: [
    { id: 'd-2', hostname: 'n10' },
    { id: 'd-1', hostname: 'n1' },
  ],
  meta: { total: 2 },
};
const NEIGHBORS = {
  bgp_neighbors: [
    {
      address_family: 4,
      customer_as: 65_000,
      customer_ip: '10.66.0.5',
      md5_enabled: true,
      md5_password: 's3cret',
      multihop: true,
      peer_as: 65_530,
      peer_ips: ['169.254.255.1', '169.254.255.2'],
      routes_in: [],
      routes_out: [],
    },
    {
      address_family: 6,
      customer_as: 65_000,
      customer_ip: '2604:1380::5',
      md5_enabled: false,
      md5_password: '',
      multihop: false,
      peer_as: 65_530,
      peer_ips: ['fc00::e', 'fc00::f'],
    },
  ],
};

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
});

async function standIn(answers: Readonly<Record<string, unknown>>, asked: IncomingMessage[] = []): Promise<string> {
  server = createServer((request, response) => {
    asked.push(request);
    const { pathname } = new URL(request.url ?? '', 'http://x');
    if (request.headers['x-auth-token'] !== TOKEN) response.writeHead(401).end('{"errors":["Invalid authentication"]}');
    else if (answers[pathname] === undefined) response.writeHead(404).end('{"errors":["Not found"]}');
    else response.writeHead(200).end(JSON.stringify(answers[pathname]));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const provider = (api: string, token = TOKEN) =>
  createEquinixMetal({ get: getJson, token: () => token, project: 'p-1', api });

describe('peers by Equinix Metal’s API', () => {
  const GOOD = { '/projects/p-1/devices': DEVICES, '/devices/d-1/bgp/neighbors': NEIGHBORS };

  it('are those of the device that is called like the node', async () => {
    const asked: IncomingMessage[] = [];
    const peers = await provider(await standIn(GOOD, asked)).peersOf('n1');
    const four = {
      as: 65_530,
      localAs: 65_000,
      sourceIp: '10.66.0.5',
      identifier: '10.66.0.5',
      multihop: 50,
      password: 's3cret',
    };
    expect(peers).toMatchObject([
      { ...four, at: { ip: '169.254.255.1' } },
      { ...four, at: { ip: '169.254.255.2' } },
      { as: 65_530, sourceIp: '2604:1380::5', at: { ip: 'fc00::e' } },
      { as: 65_530, sourceIp: '2604:1380::5', at: { ip: 'fc00::f' } },
    ]);
    expect(peers[2]).not.toHaveProperty('password');
    expect(asked.map(({ url }) => url)).toEqual([
      '/projects/p-1/devices?search=n1&per_page=1000',
      '/devices/d-1/bgp/neighbors',
    ]);
  });

  it.each<[string, Record<string, unknown>, string, string, RegExp]>([
    ['the token is wrong', GOOD, 'n1', 'another', /HTTP 401 \(is the token right\?\)/],
    ['there is no such machine', GOOD, 'n3', TOKEN, /no device with the hostname n3: set vip_nodename/],
    [
      'there is no BGP session',
      { ...GOOD, '/devices/d-1/bgp/neighbors': { bgp_neighbors: [] } },
      'n1',
      TOKEN,
      /enable BGP for it/,
    ],
    [
      'the answer is another one',
      { ...GOOD, '/devices/d-1/bgp/neighbors': [] },
      'n1',
      TOKEN,
      /the answer has no bgp_neighbors/,
    ],
    [
      'a neighbour is not as documented',
      { ...GOOD, '/devices/d-1/bgp/neighbors': { bgp_neighbors: [{}] } },
      'n1',
      TOKEN,
      /customer_as, customer_ip, peer_as and peer_ips are needed/,
    ],
  ])('%s: said, without the token', async (_, answers, node, token, message) => {
    const error: unknown = await provider(await standIn(answers), token)
      .peersOf(node)
      .catch((thrown: unknown) => thrown);
    expect(messageOf(error)).toMatch(message);
    expect(messageOf(error)).not.toContain(token);
  });
});

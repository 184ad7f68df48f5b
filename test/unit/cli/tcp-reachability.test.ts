import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { tryTcp } from '../../../src/linux/tcp-reachability.ts';
import { ip } from '../../../src/model/ip.ts';

const loopback = ip('127.0.0.1');
const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function serve(greet: (received: string) => string | undefined): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const answer = greet(data.toString());
      if (answer !== undefined) socket.end(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('trying a TCP port', () => {
  it('sees an HTTP answer, and asks as a browser would', async () => {
    let asked = '';
    const port = await serve((received) => {
      asked = received;
      return 'HTTP/1.1 204 No Content\r\n\r\n';
    });
    expect(await tryTcp(loopback, port, { timeout: 2000 })).toEqual({
      state: 'answers',
      routed: false,
      http: { status: 204 },
    });
    expect(asked).toMatch(/^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1\r\n/);
  });

  it('sees a server that speaks something else, or nothing', async () => {
    const ssh = await serve(() => 'SSH-2.0-x\r\n');
    expect(await tryTcp(loopback, ssh, { timeout: 2000 })).toEqual({ state: 'answers', routed: false });
    const mute = await serve(() => undefined);
    expect(await tryTcp(loopback, mute, { timeout: 2000 })).toEqual({ state: 'answers', routed: false });
  });

  it('tells a refusal from being elsewhere', async () => {
    const port = await serve(() => '');
    servers.splice(0).forEach((server) => server.close());
    expect(await tryTcp(loopback, port, { timeout: 2000 })).toMatchObject({ state: 'silent' });
    const nowhere = await tryTcp(ip('10.77.0.101'), 80, { timeout: 2000, netns: 'kubevip-no-such-namespace' });
    expect(nowhere.state).toBe('no-route');
  });
});

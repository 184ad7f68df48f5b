import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type LinuxNetwork } from '../../../src/linux/network.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Datagram, DatagramSocket, FrameSocket, Link } from '../../../src/model/wire.ts';
import { createLan, eventually, type Lan } from '../../support/netns.ts';

const V6 = { a: ip('2001:db8:77::a'), b: ip('2001:db8:77::b') };

describe('sockets in namespaces', () => {
  let lan: Lan<'a' | 'b'>;
  let a: LinuxNetwork;
  let b: LinuxNetwork;
  beforeAll(async () => {
    lan = await createLan({ nodes: ['a', 'b'] });
    await lan.hosts.a.ip8(`addr add ${V6.a}/64 dev eth0 nodad`);
    await lan.hosts.b.ip8(`addr add ${V6.b}/64 dev eth0 nodad`);
    a = createNetwork({ netns: lan.hosts.a.netns });
    b = createNetwork({ netns: lan.hosts.b.netns });
  });
  afterAll(async () => {
    a.close();
    b.close();
    await lan.dispose();
  });
  const link = (network: LinuxNetwork): Link => network.links().find(({ name }) => name === 'eth0')!;
  const ipOf = (host: 'a' | 'b') => ip(lan.hosts[host].ip);

  describe('frames', () => {
    it('of one kind only arrive, whole', async () => {
      const got: Uint8Array[] = [];
      const socket = b.openFrames({ link: link(b), etherType: 0x88b5 }, (frame) => void got.push(frame));
      const sender = a.openFrames({ link: link(a), etherType: 0x88b5 }, () => undefined);
      const frame = (type: number, byte: number): Uint8Array => {
        const data = new Uint8Array(60).fill(byte);
        data.set([255, 255, 255, 255, 255, 255, 2, 0x77, 0, 0, 0, 0x0b, type >> 8, type & 255]);
        return data;
      };
      sender.send(frame(0x88b6, 1));
      sender.send(frame(0x88b5, 2));
      await eventually('frame', () => got.length > 0);
      expect(got).toEqual([frame(0x88b5, 2)]);
      socket.close();
      sender.close();
      sender.send(frame(0x88b5, 3));
    });

    it('of UDP to one port only, when asked so', async () => {
      const got: number[] = [];
      const socket = b.openFrames({ link: link(b), etherType: 0x0800, udpPort: 4068 }, (frame) => {
        got.push(new DataView(frame.buffer).getUint16(36));
      });
      const sender = await a.openDatagrams({ family: 4, onDatagram: () => undefined, onError: () => undefined });
      for (const port of [4067, 4069, 4068]) sender.send(new Uint8Array(3000), { ip: ipOf('b'), port });
      for (const port of [4067, 4069, 4068]) sender.send(new Uint8Array(10), { ip: ipOf('b'), port });
      await lan.hosts.a.must(['ping', '-c', '1', '-W', '2', lan.hosts.b.ip]);
      await eventually('datagrams', () => got.length >= 2);
      expect(got).toEqual([4068, 4068]);
      socket.close();
      sender.close();
    });

    it('of some ICMPv6 messages only, when asked so, whatever else crosses the link', async () => {
      const got: string[] = [];
      const socket = b.openFrames({ link: link(b), etherType: 0x86dd, icmpTypes: [135, 136] }, (frame) => {
        got.push(`${frame[20]}/${frame[54]}`);
      });
      const sender = await a.openDatagrams({ family: 6, onDatagram: () => undefined, onError: () => undefined });
      // A datagram whose ports look like the types asked for.
      for (const port of [135 << 8, 136 << 8]) sender.send(new Uint8Array(10), { ip: V6.b, port });
      await lan.hosts.a.must(['ping', '-c', '1', '-W', '2', V6.b]);
      await lan.hosts.a.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
      await lan.hosts.a.must(['ping', '-c', '1', '-W', '2', V6.b]);
      await lan.hosts.b.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
      await lan.hosts.b.must(['ping', '-c', '1', '-W', '2', V6.a]);
      await eventually('question and answer', () => got.includes('58/135') && got.includes('58/136'));
      expect(new Set(got)).toEqual(new Set(['58/135', '58/136']));
      socket.close();
      sender.close();
    });

    it('to groups that nobody on this host has joined, when asked so, and no longer than that', async () => {
      const group = parseMac('33:33:ff:77:77:77')!;
      const joined = async (): Promise<boolean> =>
        (await lan.hosts.b.must(['ip', 'maddr', 'show', 'dev', 'eth0'])).includes(group);
      expect(await joined()).toBe(false);
      const socket = b.openFrames({ link: link(b), etherType: 0x86dd }, () => undefined);
      socket.join(group);
      expect(await joined()).toBe(true);
      socket.close();
      await eventually('as before', async () => !(await joined()));
      socket.join(group);
      expect(await joined()).toBe(false);
    });

    it('are heard again after the link was down', async () => {
      let got = 0;
      const frame = Uint8Array.from([
        ...Array<number>(6).fill(255),
        2,
        0x77,
        0,
        0,
        0,
        0x0b,
        0x88,
        0xb5,
        ...Array<number>(46).fill(0),
      ]);
      const socket = b.openFrames({ link: link(b), etherType: 0x88b5 }, () => {
        got++;
      });
      const sender = a.openFrames({ link: link(a), etherType: 0x88b5 }, () => undefined);
      const exchange = async (): Promise<void> => {
        const before = got;
        await eventually('frame', () => {
          sender.send(frame);
          return got > before;
        });
      };
      await exchange();
      await lan.hosts.b.ip8('link set eth0 down');
      sender.send(frame);
      await lan.hosts.b.ip8('link set eth0 up', `addr add ${V6.b}/64 dev eth0 nodad`);
      await exchange();
      socket.close();
      sender.close();
    });

    it('are refused on a link that is gone', () => {
      expect(() => a.openFrames({ link: { ...link(a), index: 4711 }, etherType: 0x0806 }, () => undefined)).toThrow(
        /eth0.*ENODEV/,
      );
    });

    it('for another machine are seen only in promiscuous mode', async () => {
      const got: string[] = [];
      const open = (name: string, promiscuous: boolean): FrameSocket =>
        b.openFrames({ link: link(b), etherType: 0x88b7, promiscuous }, (frame) => {
          // Without promiscuous mode the frame is not there or marked as another's; the address tells.
          if (frame[0] === 0x02) got.push(name);
        });
      const socket = open('all', true);
      const sender = a.openFrames({ link: link(a), etherType: 0x88b7 }, () => undefined);
      const frame = Uint8Array.from([
        2,
        9,
        9,
        9,
        9,
        9,
        2,
        0x77,
        0,
        0,
        0,
        0x0b,
        0x88,
        0xb7,
        ...Array<number>(46).fill(0),
      ]);
      await eventually('frame', () => {
        sender.send(frame);
        return got.includes('all');
      });
      socket.close();
      sender.close();
    });
  });

  describe.each([4, 6] as const)('datagrams over IPv%d', (family) => {
    const address = (host: 'a' | 'b') => (family === 4 ? ipOf(host) : V6[host]);
    const open = async (
      network: LinuxNetwork,
      more: object = {},
    ): Promise<{ socket: DatagramSocket; got: Datagram[] }> => {
      const got: Datagram[] = [];
      const onDatagram = (datagram: Datagram): void => void got.push(datagram);
      const socket = await network.openDatagrams({ family, onDatagram, onError: fail, ...more });
      return { socket, got };
    };
    const fail = (error: Error): void => {
      throw error;
    };

    it('go there and back between the chosen addresses', async () => {
      const left = await open(a, { localIp: address('a') });
      const right = await open(b, { localIp: address('b'), localPort: 4100 });
      expect(right.socket.localPort).toBe(4100);
      left.socket.send(Uint8Array.of(1, 2, 3), { ip: address('b'), port: 4100 });
      await eventually('datagram', () => right.got.length > 0);
      expect(right.got).toEqual([
        { data: Uint8Array.of(1, 2, 3), from: { ip: address('a'), port: left.socket.localPort } },
      ]);
      right.socket.send(new Uint8Array(0), right.got[0]!.from);
      await eventually('answer', () => left.got.length > 0);
      expect(left.got[0]?.data).toHaveLength(0);
      left.socket.close();
      right.socket.close();
      left.socket.send(Uint8Array.of(1), { ip: address('b'), port: 4100 });
    });

    it('reach a group on a link, and come back only if wished', async () => {
      const group = ip(family === 4 ? '224.0.0.251' : 'ff02::fb');
      const common = { localPort: 4101, shared: true, join: [group], multicastTtl: 255 };
      const left = await open(a, { ...common, link: link(a), multicastLoop: false });
      const right = await open(b, { ...common, link: link(b) });
      const twin = await open(b, { ...common, link: link(b) });
      left.socket.send(Uint8Array.of(7), { ip: group, port: 4101 });
      await eventually('datagram', () => right.got.length > 0 && twin.got.length > 0);
      expect(left.got).toEqual([]);
      right.socket.send(Uint8Array.of(8), { ip: group, port: 4101 });
      await eventually('datagram', () => left.got.length > 0 && right.got.length > 1);
      for (const { socket } of [left, right, twin]) socket.close();
    });

    it('say what is wrong when they cannot be opened', async () => {
      const taken = await open(a, { localPort: 4102 });
      await expect(open(a, { localPort: 4102 })).rejects.toMatchObject({ code: 'OS_EADDRINUSE' });
      await expect(open(a, { localIp: address('b') })).rejects.toMatchObject({ code: 'OS_EADDRNOTAVAIL' });
      taken.socket.close();
      const again = await open(a, { localPort: 4102 });
      again.socket.close();
    });

    it('survive a port that nobody listens on', async () => {
      const left = await open(a, { localIp: address('a') });
      left.socket.send(Uint8Array.of(1), { ip: address('b'), port: 9 });
      const right = await open(b, { localPort: 4103 });
      await eventually('datagram', () => {
        left.socket.send(Uint8Array.of(2), { ip: address('b'), port: 4103 });
        return right.got.length > 0;
      });
      left.socket.close();
      right.socket.close();
    });
  });

  describe('HTTP', () => {
    const script = `
      const http = require('node:http');
      http.createServer((request, response) => {
        const text = [];
        request.on('data', (chunk) => text.push(chunk));
        request.on('end', () => {
          if (request.url === '/slow') return;
          if (request.url === '/moved') { response.writeHead(302, { location: '/' }); response.end(); return; }
          if (request.url === '/big') { response.end('x'.repeat(100000)); return; }
          if (request.url === '/drip') { setInterval(() => response.write('x'), 10); return; }
          response.setHeader('X-Two', ['1', '2']);
          response.end(JSON.stringify({ from: request.socket.remoteAddress, method: request.method, host: request.headers.host, soap: request.headers.soapaction, body: Buffer.concat(text).toString() }));
        });
      }).listen(8080, '::', () => console.log('listening'));
      require('node:net').createServer((socket) => socket.end('SSH-2.0-no\\r\\n')).listen(2222, '::');`;
    beforeAll(async () => {
      const server = lan.hosts.b.daemon([process.execPath, '--eval', script]);
      await eventually('server', () => server.log().includes('listening'));
    });
    const base = () => `http://${lan.hosts.b.ip}:8080`;
    const limits = { timeoutMs: 10_000, maxBytes: 50_000 };

    it('sends method, headers and body, and gives back status, headers and body', async () => {
      const answer = await a.http({
        method: 'POST',
        url: `${base()}/ctl?a=1`,
        headers: { SOAPAction: '"x"' },
        body: 'hé',
        ...limits,
      });
      expect(answer.status).toBe(200);
      expect(answer.headers['x-two']).toBe('1, 2');
      expect(JSON.parse(answer.body)).toEqual({
        from: `::ffff:${lan.hosts.a.ip}`,
        method: 'POST',
        host: `${lan.hosts.b.ip}:8080`,
        soap: '"x"',
        body: 'hé',
      });
    });

    it('comes from the source address asked for, also over IPv6', async () => {
      await lan.hosts.a.ip8('addr add 10.77.0.200/32 dev eth0', 'addr add 2001:db8:77::200/128 dev eth0 nodad');
      const four = await a.http({ method: 'GET', url: base(), localIp: ip('10.77.0.200'), ...limits });
      expect(JSON.parse(four.body)).toMatchObject({ from: '::ffff:10.77.0.200' });
      const six = await a.http({
        method: 'SUBSCRIBE',
        url: `http://[${V6.b}]:8080/`,
        localIp: ip('2001:db8:77::200'),
        ...limits,
      });
      expect(JSON.parse(six.body)).toMatchObject({ from: '2001:db8:77::200', method: 'SUBSCRIBE' });
    });

    it('follows no redirects', async () => {
      expect((await a.http({ method: 'GET', url: `${base()}/moved`, ...limits })).status).toBe(302);
    });

    it.each([
      ['an answer that is too large', '/big', 'HTTP_TOO_LARGE', 10_000],
      ['no answer in time', '/slow', 'HTTP_TIMEOUT', 100],
      ['an answer that never ends', '/drip', 'HTTP_TIMEOUT', 300],
    ])('gives up on %s', async (_, path, code, timeoutMs) => {
      const request = { method: 'GET' as const, url: `${base()}${path}`, maxBytes: 50_000, timeoutMs };
      await expect(a.http(request)).rejects.toMatchObject({ code });
    });

    it.each([
      ['nobody listens', () => `http://${lan.hosts.b.ip}:81/`],
      ['another protocol answers', () => `http://${lan.hosts.b.ip}:2222/`],
      ['the host is a name', () => 'http://localhost:8080/'],
      ['it is no HTTP URL', () => 'file:///etc/passwd'],
      ['it is no URL', () => 'hello'],
    ])('fails when %s', async (_, url) => {
      await expect(a.http({ method: 'GET', url: url(), ...limits })).rejects.toMatchObject({ code: 'HTTP_FAILED' });
    });

    it('can be called off', async () => {
      const controller = new AbortController();
      const answer = a.http({ method: 'GET', url: `${base()}/slow`, ...limits, signal: controller.signal });
      controller.abort();
      await expect(answer).rejects.toMatchObject({ code: 'HTTP_FAILED' });
    });

    it('does not leave the namespace', async () => {
      const outside = createServer((_, response) => response.end('outside'));
      await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
      const { port } = outside.address() as { port: number };
      const url = `http://127.0.0.1:${port}/`;
      await expect(a.http({ method: 'GET', url, ...limits })).rejects.toMatchObject({ code: 'HTTP_FAILED' });
      const own = createNetwork();
      expect((await own.http({ method: 'GET', url, ...limits })).body).toBe('outside');
      await new Promise((resolve) => outside.close(resolve));
    });
  });
});

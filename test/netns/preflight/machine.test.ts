/** What is asked of a real machine by sockets: container runtimes, TLS servers, files. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttp2, type Http2Server } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMachineHands } from '../../../src/linux/machine/hands.ts';
import { createMachineProbe } from '../../../src/linux/machine/probe.ts';
import { bgpGreeting } from '../../../src/linux/machine/bgp-greeting.ts';
import { remoteTime } from '../../../src/linux/machine/remote-time.ts';
import { askRuntime } from '../../../src/linux/machine/runtime.ts';
import { runOrThrow } from '../../../src/lab/exec.ts';
import { ip } from '../../../src/model/ip.ts';

let dir: string;
const closing: { close(): void }[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-machine-'));
});
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
  rmSync(dir, { recursive: true, force: true });
});

const grpc = (message: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const text = (number: number, value: string): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), Buffer.from(value)]);

/** A server of gRPC: method → message, or the status it fails with. */
async function runtime(methods: Readonly<Record<string, Buffer | number>>): Promise<string> {
  const socket = join(dir, 'cri.sock');
  const server: Http2Server = createHttp2();
  server.on('stream', (stream, headers) => {
    const method = String(headers[':path']).split('/').at(-1) ?? '';
    const answer = methods[method] ?? 12;
    if (typeof answer === 'number') {
      const status = { 'grpc-status': String(answer), 'grpc-message': `unknown ${String(headers[':path'])}` };
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(grpc(answer));
  });
  closing.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return socket;
}

describe('a container runtime', () => {
  const VERSION = Buffer.concat([text(1, '0.1.0'), text(2, 'containerd'), text(3, '2.1.4'), text(4, 'v1')]);

  it('says who it is and how it manages control groups', async () => {
    const cgroupfs = Buffer.from([0x0a, 0x02, 0x08, 0x01]);
    const socket = await runtime({ Version: VERSION, RuntimeConfig: cgroupfs });
    expect(await askRuntime(socket)).toEqual({
      state: 'answers',
      name: 'containerd',
      version: '2.1.4',
      cgroupDriver: 'cgroupfs',
    });
  });

  it('leaves out what is zero, as proto3 does', async () => {
    const socket = await runtime({ Version: VERSION, RuntimeConfig: Buffer.from([0x0a, 0x00]) });
    expect(await askRuntime(socket)).toMatchObject({ cgroupDriver: 'systemd' });
  });

  it('may be too old to be asked for its driver', async () => {
    const answer = await askRuntime(await runtime({ Version: VERSION }));
    expect(answer).toEqual({ state: 'answers', name: 'containerd', version: '2.1.4' });
  });

  it('may have its CRI plugin off', async () => {
    expect(await askRuntime(await runtime({}))).toEqual({
      state: 'no-cri',
      message: 'unknown /runtime.v1.RuntimeService/Version',
    });
  });

  it('may be gone, with its socket or without', async () => {
    expect(await askRuntime(join(dir, 'none.sock'))).toEqual({ state: 'missing' });
    const socket = join(dir, 'dead.sock');
    // A socket whose owner was killed.
    const code = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 9))`;
    await runOrThrow([process.execPath, '-e', code]).catch(() => undefined);
    expect(await askRuntime(socket)).toMatchObject({ state: 'refused' });
  });

  it('may be something else altogether', async () => {
    const socket = join(dir, 'other.sock');
    const server: Server = createServer((connection) => connection.end('SSH-2.0-OpenSSH\r\n'));
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect(await askRuntime(socket)).toMatchObject({ state: 'refused' });
  });
});

describe('a router that BGP calls', () => {
  const listening = async (onCall: (connection: Socket) => void): Promise<number> => {
    const server = createServer(onCall);
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const loopback = ip('127.0.0.1');

  it('speaks first, or waits', async () => {
    const speaks = await listening((connection) =>
      connection.on('error', () => undefined).write(Buffer.alloc(29, 255)),
    );
    expect(await bgpGreeting(loopback, { port: speaks })).toEqual({ state: 'answers', said: Buffer.alloc(29, 255) });
    const waits = await listening((connection) => closing.push({ close: () => connection.destroy() }));
    expect(await bgpGreeting(loopback, { port: waits })).toEqual({ state: 'answers' });
  });

  it('hangs up on strangers, with an end or a reset', async () => {
    const ends = await listening((connection) => connection.end());
    expect(await bgpGreeting(loopback, { port: ends })).toEqual({ state: 'closes' });
    const resets = await listening((connection) => connection.resetAndDestroy());
    expect(await bgpGreeting(loopback, { port: resets })).toEqual({ state: 'closes' });
  });

  it('may be none', async () => {
    const answer = await bgpGreeting(loopback, { port: 1 });
    expect(answer).toMatchObject({ state: 'unreachable', message: expect.stringContaining('ECONNREFUSED') as string });
  });
});

describe('the time of an API server', () => {
  async function apiServer(date: string | undefined): Promise<number> {
    await runOrThrow(
      [
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
      ].concat(['-subj', '/CN=kubernetes', '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')]),
    );
    const options = { key: readFileSync(join(dir, 'key.pem')), cert: readFileSync(join(dir, 'cert.pem')) };
    const server = createHttps(options, (_request, response) => {
      response.sendDate = false;
      if (date !== undefined) response.setHeader('Date', date);
      response.statusCode = 401;
      response.end('{}');
    });
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  it('is in the header Date, whatever the server thinks of us', async () => {
    const answer = await remoteTime('127.0.0.1', await apiServer('Mon, 01 Jun 2026 12:00:00 GMT'));
    expect(answer.state === 'told' && Math.abs(answer.time.getTime() - Date.UTC(2026, 5, 1, 12))).toBeLessThan(2000);
  });

  it('may be untold, or unreachable', async () => {
    expect(await remoteTime('127.0.0.1', await apiServer(undefined))).toEqual({ state: 'untold' });
    expect(await remoteTime('127.0.0.1', 1)).toMatchObject({ state: 'unreachable' });
    expect(await remoteTime('no-such-name.invalid', 6443)).toMatchObject({ state: 'unreachable' });
  });

  it('is not waited for on a server that does not speak TLS', async () => {
    const server = createServer((connection) => connection.end('hello\r\n'));
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const answer = await remoteTime('127.0.0.1', (server.address() as AddressInfo).port);
    expect(answer).toMatchObject({
      state: 'unreachable',
      message: expect.stringContaining('does not speak TLS') as string,
    });
  });
});

describe('files of a machine below another root', () => {
  it('are written whole, with the mode they had', async () => {
    const hands = createMachineHands({ root: dir });
    await hands.write('/etc/sysctl.d/90-kubevip.conf', 'a = 1\n');
    expect(statSync(join(dir, 'etc/sysctl.d/90-kubevip.conf')).mode & 0o777).toBe(0o644);
    writeFileSync(join(dir, 'secret'), 'x');
    chmodSync(join(dir, 'secret'), 0o600);
    await hands.write('/secret', 'y');
    expect(statSync(join(dir, 'secret')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, 'secret'), 'utf8')).toBe('y');
    expect(readdirSync(dir).toSorted()).toEqual(['etc', 'secret']);
    await hands.remove('/secret');
    await hands.remove('/secret');
    expect(await hands.read('/secret')).toBeUndefined();
  });

  it('are looked at without a trace', async () => {
    const machine = createMachineProbe({ root: dir });
    expect(await machine.writability('/var/lib/etcd')).toBe('yes');
    expect(await machine.freeBytes('/var/lib/etcd')).toBeGreaterThan(0);
    expect(await machine.list('/etc')).toBeUndefined();
    expect(await machine.exists('/etc')).toBe(false);
    expect(await machine.read('/proc/filesystems')).toContain('proc');
    expect(await machine.which('sh')).toMatch(/\/sh$/);
    expect(await machine.run('no-such-program', [])).toBeUndefined();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('are written into where they are mounted by themselves', async () => {
    const hosts = join(dir, 'hosts');
    writeFileSync(hosts, 'old\n');
    await runOrThrow(['mount', '--bind', hosts, hosts]);
    try {
      await createMachineHands({ root: dir }).write('/hosts', 'new\n');
      expect(readFileSync(hosts, 'utf8')).toBe('new\n');
      expect(readdirSync(dir)).toEqual(['hosts']);
    } finally {
      await runOrThrow(['umount', hosts]);
    }
  });

  it('may be on a read-only file system', async () => {
    await runOrThrow(['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', dir]);
    try {
      expect(await createMachineProbe({ root: dir }).writability('/etc/kubernetes')).toBe('read-only');
    } finally {
      await runOrThrow(['umount', dir]);
    }
  });
});

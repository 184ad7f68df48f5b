/**
 * Asks a container runtime who it is: two calls of the container runtime interface (CRI v1), which is gRPC over a Unix
 * socket. Written out by hand, since both requests are empty messages and of the answers three fields are read.
 */
import { existsSync } from 'node:fs';
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import type { RuntimeAnswer } from '../../cluster/ports/preflight.ts';
import { messageOf } from '../../model/errors.ts';
import type { Milliseconds } from '../../model/time.ts';

const TIMEOUT: Milliseconds = 5000;
const SERVICE = '/runtime.v1.RuntimeService';
const MAX_BYTES = 65_536;
/** Compressed: no; length: 0. */
const EMPTY_MESSAGE = Buffer.alloc(5);
/** Status codes of gRPC. */
const OK = '0';
const UNIMPLEMENTED = '12';

/** Never throws. */
export async function askRuntime(socket: string): Promise<RuntimeAnswer> {
  if (!existsSync(socket)) return { state: 'missing' };
  let session: ClientHttp2Session;
  try {
    session = await openSession(socket);
  } catch (error) {
    return { state: 'refused', message: messageOf(error) };
  }
  try {
    const version = await call(session, 'Version');
    if (version.status === UNIMPLEMENTED) return { state: 'no-cri', message: version.message };
    if (version.status !== OK) return { state: 'silent', message: `it says ${version.message || version.status}` };
    const fields = readStrings(version.body);
    const config = await call(session, 'RuntimeConfig');
    const cgroupDriver = config.status === OK ? readCgroupDriver(config.body) : undefined;
    return {
      state: 'answers',
      name: fields.get(2) ?? 'a runtime',
      version: fields.get(3) ?? '',
      ...(cgroupDriver === undefined ? {} : { cgroupDriver }),
    };
  } catch (error) {
    return { state: 'silent', message: messageOf(error) };
  } finally {
    session.destroy();
  }
}

function openSession(path: string): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect('http://localhost', { createConnection: () => createConnection(path) });
    const timer = setTimeout(() => {
      session.destroy();
      reject(new Error(`no answer within ${TIMEOUT / 1000} s`));
    }, TIMEOUT);
    session.once('error', (error: Error) => {
      clearTimeout(timer);
      reject(error);
    });
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      // What comes later ends the calls, which say so.
      session.on('error', () => undefined);
      resolve(session);
    });
  });
}

interface Answer {
  readonly status: string;
  readonly message: string;
  readonly body: Buffer;
}

function call(session: ClientHttp2Session, method: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE } = constants;
    const stream = session.request({
      [HTTP2_HEADER_METHOD]: 'POST',
      [HTTP2_HEADER_PATH]: `${SERVICE}/${method}`,
      [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [HTTP2_HEADER_TE]: 'trailers',
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let status: IncomingHttpHeaders = {};
    // An answer without a message has its status in the headers.
    stream.on('response', (headers: IncomingHttpHeaders) => void (status = { ...headers }));
    stream.on('trailers', (trailers: IncomingHttpHeaders) => void (status = { ...status, ...trailers }));
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BYTES) stream.close();
      else chunks.push(chunk);
    });
    stream.setTimeout(TIMEOUT, () => stream.destroy(new Error(`no answer within ${TIMEOUT / 1000} s`)));
    stream.on('error', reject);
    stream.on('close', () => {
      const text = (key: string): string => [status[key]].flat().join();
      const code = text('grpc-status');
      if (code === '') reject(new Error('what answers does not speak gRPC'));
      else resolve({ status: code, message: text('grpc-message'), body: Buffer.concat(chunks).subarray(5) });
    });
    stream.end(EMPTY_MESSAGE);
  });
}

interface Field {
  readonly number: number;
  readonly value: number | Buffer;
}

/** Fields of a protobuf message: varints and what has a length. Anything else ends it. */
function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [tag >>> 3, tag & 7];
    if (type === 0) yield { number, value: varint() };
    else if (type === 2) {
      const length = varint();
      yield { number, value: message.subarray(at, at + length) };
      at += length;
    } else return;
  }
}

function readStrings(message: Buffer): Map<number, string> {
  const strings = new Map<number, string>();
  for (const { number, value } of fields(message)) {
    // Shown to people.
    if (typeof value !== 'number') strings.set(number, value.toString('utf8').replaceAll(/[^\x20-\x7e]/g, '?'));
  }
  return strings;
}

/** `RuntimeConfigResponse.linux.cgroup_driver`: SYSTEMD is 0, which proto3 leaves out. */
function readCgroupDriver(message: Buffer): 'systemd' | 'cgroupfs' | undefined {
  const linux = [...fields(message)].find(({ number }) => number === 1)?.value;
  if (linux === undefined || typeof linux === 'number') return undefined;
  const driver = [...fields(linux)].find(({ number }) => number === 1)?.value ?? 0;
  return driver === 0 ? 'systemd' : 'cgroupfs';
}

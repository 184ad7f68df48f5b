/** The socket of a container runtime that answers: CRI's Version, by gRPC as every client begins. */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, constants } from 'node:http2';

const SOCKET = '/run/containerd/containerd.sock';

function grpc(message: Buffer): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** Version, runtimeName, runtimeVersion, runtimeApiVersion. */
const VERSION = Buffer.concat(
  ['0.1.0', 'containerd', '2.1.0', 'v1'].map((text, i) =>
    Buffer.concat([Buffer.from([((i + 1) << 3) | 2, text.length]), Buffer.from(text)]),
  ),
);

/** By these two clients see that both halves of CRI are there. */
const ANSWERS: ReadonlyMap<string, Buffer> = new Map([
  ['/runtime.v1.RuntimeService/Version', grpc(VERSION)],
  ['/runtime.v1.ImageService/ImageFsInfo', grpc(Buffer.alloc(0))],
]);

mkdirSync('/run/containerd', { recursive: true });
rmSync(SOCKET, { force: true });
const server = createServer();
server.on('stream', (stream, headers) => {
  const path = String(headers[constants.HTTP2_HEADER_PATH]);
  const known = ANSWERS.has(path);
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers(known ? { 'grpc-status': '0' } : { 'grpc-status': '12', 'grpc-message': 'unknown method' });
  });
  stream.end(ANSWERS.get(path));
});
server.on('sessionError', () => undefined);
server.listen(SOCKET);
process.on('SIGTERM', () => process.exit(0));

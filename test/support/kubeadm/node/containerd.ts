/** The socket of a container runtime that answers: CRI's Version, by gRPC as every client begins. */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, constants } from 'node:http2';

const SOCKET = '/run/containerd/containerd.sock';

/** runtime.v1.VersionResponse: version, runtimeName, runtimeVersion, runtimeApiVersion */
function versionResponse(): Buffer {
  const fields = ['0.1.0', 'containerd', '2.1.0', 'v1'].map((text, i) =>
    Buffer.concat([Buffer.from([((i + 1) << 3) | 2, text.length]), Buffer.from(text)]),
  );
  const message = Buffer.concat(fields);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

mkdirSync('/run/containerd', { recursive: true });
rmSync(SOCKET, { force: true });
const server = createServer();
server.on('stream', (stream, headers) => {
  const known = headers[constants.HTTP2_HEADER_PATH] === '/runtime.v1.RuntimeService/Version';
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers(known ? { 'grpc-status': '0' } : { 'grpc-status': '12', 'grpc-message': 'unknown method' });
  });
  stream.end(known ? versionResponse() : undefined);
});
server.on('sessionError', () => undefined);
server.listen(SOCKET);
process.on('SIGTERM', () => process.exit(0));

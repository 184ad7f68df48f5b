/** Where the server listens: addresses of this namespace, or of another one on the same machine. */
import { isIP, type AddressInfo, type Server } from 'node:net';
import { KubevipError } from '../../model/errors.ts';
import { openListener } from './listener-socket.ts';
import { hostPort } from '../../model/ip.ts';

export interface ListenSpec {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly netns?: string;
}

/**
 * `127.0.0.1:6443`, `[::1]:0`, `netns:NAME:10.77.0.11:6443`.
 * @throws KubevipError LISTEN_SPEC
 */
export function parseListenSpec(text: string): ListenSpec {
  const match = /^(?:netns:([^:]+):)?(?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text);
  const [, netns, six, four, port] = match ?? [];
  const host = six ?? (four === 'localhost' ? '127.0.0.1' : four);
  if (host === undefined || isIP(host) === 0 || Number(port) > 65_535) {
    throw new KubevipError(`${JSON.stringify(text)} is no address to listen on`, {
      code: 'LISTEN_SPEC',
      hints: ['write IP:PORT or netns:NAME:IP:PORT; port 0 takes any free one'],
    });
  }
  return { host, port: Number(port), ...(netns === undefined ? {} : { netns }) };
}

/** @returns the URL that clients use. @throws KubevipError LISTEN_FAILED */
export async function listen(server: Server, spec: ListenSpec): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => {
      reject(
        new KubevipError(`the API server cannot listen on ${spec.host}:${spec.port}: ${cause.message}`, {
          code: 'LISTEN_FAILED',
          cause,
        }),
      );
    };
    server.once('error', failed);
    const done = (): void => {
      server.off('error', failed);
      resolve();
    };
    try {
      // Node looks addresses up asynchronously and so would bind after the thread is back: hand it a socket instead.
      if (spec.netns === undefined) server.listen(spec.port, spec.host, 1024, done);
      else server.listen({ fd: openListener(spec.netns, spec.host, spec.port) }, done);
    } catch (error) {
      failed(error as Error);
    }
  });
  const { address, port } = server.address() as AddressInfo;
  return `https://${hostPort(address, port)}`;
}

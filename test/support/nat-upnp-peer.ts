/**
 * What npm's nat-upnp sees of a router, as JSON: a second opinion on our mappings, from code that is not ours. Run inside
 * a network namespace: `node nat-upnp-peer.ts list` or `node nat-upnp-peer.ts map HOST PRIVATE PUBLIC`.
 */
import { createRequire } from 'node:module';

type Callback<T> = (error: Error | null, value: T) => void;
interface NatUpnpClient {
  portMapping(options: object, callback: Callback<unknown>): void;
  getMappings(callback: Callback<unknown[]>): void;
  externalIp(callback: Callback<string>): void;
  close(): void;
}

// It comes without types.
const { createClient } = createRequire(import.meta.url)('nat-upnp') as { createClient: () => NatUpnpClient };

const [command, host, privatePort, publicPort] = process.argv.slice(2);
const client = createClient();
const called = <T>(start: (callback: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
try {
  if (command === 'map') {
    const options = { private: { host, port: Number(privatePort) }, public: Number(publicPort), ttl: 600 };
    await called((done) => client.portMapping({ ...options, protocol: 'tcp', description: 'nat-upnp' }, done));
  }
  const mappings = await called<unknown[]>((done) => client.getMappings(done));
  const externalIp = await called<string>((done) => client.externalIp(done));
  process.stdout.write(JSON.stringify({ externalIp, mappings }));
} finally {
  client.close();
}

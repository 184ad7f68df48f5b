/** The far end of tunnels: a real wireguard-go in a network namespace, as a server with a fixed address has it. */
import { existsSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { run, runOrThrow } from '../../src/lab/exec.ts';

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** As `wg genkey` and `wg pubkey` make them. */
export function newKeys(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const base64 = (text = ''): string => Buffer.from(text, 'base64url').toString('base64');
  return {
    privateKey: base64(privateKey.export({ format: 'jwk' }).d),
    publicKey: base64(publicKey.export({ format: 'jwk' }).x),
  };
}

export interface FarEnd {
  readonly name: string;
  readonly keys: KeyPair;
  readonly port: number;
  /** Where each peer is as far as it knows, by public key: `10.77.0.11:51820`, `(none)`. */
  endpoints(): Promise<ReadonlyMap<string, string>>;
  /** Lines of wg(8)'s configuration file of peers, in place of those there are. */
  peers(text: string): Promise<void>;
  close(): Promise<void>;
}

/** @param name of the interface, unique on this machine. @param addresses of the interface, with prefix */
export async function createFarEnd(
  netns: string,
  name: string,
  port: number,
  addresses: readonly string[],
): Promise<FarEnd> {
  const keys = newKeys();
  const own = `[Interface]\nPrivateKey = ${keys.privateKey}\nListenPort = ${port}\n`;
  const configure = async (peers: string): Promise<void> => {
    // By a pipe: wg opens its input by name, and cannot do that with the socket that Node gives.
    const script = `cat | wg syncconf ${name} /dev/stdin`;
    await runOrThrow(['sh', '-c', script], { netns, input: own + peers });
  };
  await runOrThrow(['wireguard-go', name], { netns });
  await configure('');
  for (const address of addresses) await runOrThrow(['ip', 'addr', 'add', address, 'dev', name, 'nodad'], { netns });
  await runOrThrow(['ip', 'link', 'set', name, 'up', 'mtu', '1420'], { netns });
  return {
    name,
    keys,
    port,
    endpoints: async () => {
      const lines = (await runOrThrow(['wg', 'show', name, 'endpoints'], { netns })).trim().split('\n');
      return new Map(lines.map((line) => line.split('\t') as [string, string]));
    },
    peers: configure,
    close: async () => {
      await run(['ip', 'link', 'del', name], { netns });
      for (let i = 0; i < 100 && existsSync(`/var/run/wireguard/${name}.sock`); i++) await delay(20);
    },
  };
}

/** Tunnels without a kernel: interfaces, rules and a far end that are only written down. */
import { SecretBook } from '../../src/exposure/announcement/tunnel/book.ts';
import type { TunnelDevices, TunnelWay, TunnelWays } from '../../src/exposure/announcement/tunnel/port.ts';
import { createTunnelAnnouncement } from '../../src/exposure/announcement/tunnel/tunnels.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeKernel, createFakeSilence } from './fake-kernel.ts';

/** Keys of nobody, for tests alone: bytes that are all alike. */
export const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

export interface TunnelText {
  readonly [field: string]: unknown;
}

export const OFFICE: TunnelText = {
  vip: '10.99.0.10/24',
  privateKey: keyOf(1),
  peerPublicKey: keyOf(2),
  peerEndpoint: '203.0.113.1:51820',
  allowedIPs: ['10.99.0.0/24'],
  listenPort: 51821,
};

/** YAML, since JSON is. */
export const textOf = (tunnels: Readonly<Record<string, TunnelText>>): { text: string } => ({
  text: JSON.stringify(tunnels),
});

export function tunnelWorld() {
  const clock = createFakeClock();
  const kernel = createFakeKernel(clock);
  const silence = createFakeSilence(clock);
  const book = new SecretBook('Secret kube-system/wireguard');
  const links = new Map<string, number>();
  const log: string[] = [];
  const names = new Map<string, readonly Ip[]>();
  const may = { answer: true, hear: true, make: undefined as string | undefined };
  const handshakes = new Map<string, number>();
  let ways: readonly TunnelWay[] | undefined;
  let speaking: readonly number[] = [];
  let next = 10;
  let refusal: Error | undefined;
  const devices: TunnelDevices = {
    obstacle: () => may.make,
    ensure: async (name) => {
      await new Promise<void>((resolve) => void clock.after(20, resolve));
      if (refusal) throw refusal;
      if (!links.has(name)) links.set(name, next++);
      return links.get(name) ?? 0;
    },
    configure: (tunnel, endpoint, keepalive, anew) => {
      log.push(`${tunnel.name} calls ${endpoint} each ${keepalive} s${anew ? ' anew' : ''}`);
      if (may.hear) handshakes.set(tunnel.name, clock.wall().getTime() / 1000);
      return Promise.resolve();
    },
    remove: (name) => void links.delete(name),
    owned: () => [...links.keys()],
    lastHandshake: (name) => Promise.resolve(handshakes.get(name) ?? 0),
  };
  const fakeWays: TunnelWays = {
    set: (wanted) => {
      ways = wanted;
      speaking = wanted.map(({ listenPort }) => listenPort);
      return Promise.resolve();
    },
    lead: (way, index) => void log.push(`${way.name} leads by ${index}`),
    keepSpeaking: (ports) => {
      speaking = ports;
      return ways !== undefined;
    },
    clear: () => {
      ways = [];
      return Promise.resolve();
    },
  };
  const told: string[] = [];
  const announced: string[] = [];
  const begin = () => {
    const announcement = createTunnelAnnouncement({
      book,
      devices,
      ways: fakeWays,
      addressTable: kernel,
      silence,
      clock,
      lookUp: (name) => {
        const found = names.get(name);
        return found ? Promise.resolve(found) : Promise.reject(new Error('ENOTFOUND'));
      },
      onAnnounced: (address) => announced.push(address),
      mayAnswer: () => may.answer,
    });
    announcement.onChange((address) => told.push(address));
    return announcement;
  };
  return {
    clock,
    kernel,
    silence,
    book,
    links,
    log,
    names,
    may,
    handshakes,
    told,
    announced,
    begin,
    ways: () => ways,
    flushRules: () => (ways = undefined),
    speaking: () => speaking,
    refuse: (error: Error | undefined) => (refusal = error),
  };
}

export const VIP = ip('10.99.0.10');

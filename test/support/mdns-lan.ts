/** A LAN in namespaces with name publishers on its hosts. */
import type { NamePublisher, NameRequestOnLink, PublishedName } from '../../src/exposure/naming/port.ts';
import { MdnsChannel } from '../../src/exposure/naming/mdns-channel.ts';
import { createNamePublisher } from '../../src/exposure/naming/publisher.ts';
import { createSystemClock } from '../../src/linux/clock.ts';
import { systemEntropy } from '../../src/linux/entropy.ts';
import { createNetwork, type LinuxNetwork } from '../../src/linux/network.ts';
import type { Ready } from '../../src/model/decision.ts';
import type { Family } from '../../src/model/ip.ts';
import { ip } from '../../src/model/ip.ts';
import type { Milliseconds } from '../../src/model/time.ts';
import type { Message } from '../../src/protocols/mdns/message.ts';
import { createLan, eventually, type Lan } from './netns.ts';

export const clock = createSystemClock();

export interface Heard {
  readonly at: Milliseconds;
  readonly from: string;
  readonly family: Family;
  readonly message: Message;
}

export interface MdnsLan<Name extends string> {
  readonly lan: Lan<Name>;
  networkOf(host: Name): LinuxNetwork;
  publisherOn(host: Name): NamePublisher;
  /** Everything said on the link of a host, from now until `dispose`. */
  listenOn(host: Name, link?: string): Promise<Heard[]>;
  dispose(): Promise<void>;
}

export async function createMdnsLan<const Name extends string>(nodes: readonly Name[]): Promise<MdnsLan<Name>> {
  const lan = await createLan({ nodes });
  const networks = new Map<Name, LinuxNetwork>();
  const closables: { close(): void }[] = [];
  const networkOf = (host: Name): LinuxNetwork => {
    const network = networks.get(host) ?? createNetwork({ netns: lan.hosts[host].netns });
    networks.set(host, network);
    return network;
  };
  return {
    lan,
    networkOf,
    publisherOn: (host) => {
      const publisher = createNamePublisher({ network: networkOf(host), clock, entropy: systemEntropy });
      closables.push(publisher);
      return publisher;
    },
    listenOn: async (host, name = 'eth0') => {
      const network = networkOf(host);
      const link = network.links().find((one) => one.name === name);
      if (!link) throw new Error(`${host} has no ${name}`);
      const heard: Heard[] = [];
      const ear = new MdnsChannel({
        network,
        clock,
        link,
        onMessage: (message, from) =>
          heard.push({ at: clock.now(), from: from.ip, family: from.channel as Family, message }),
        onFailed: (error) => {
          throw error;
        },
      });
      closables.push(ear);
      await ear.adjust();
      return heard;
    },
    dispose: async () => {
      for (const one of closables) one.close();
      for (const network of networks.values()) network.close();
      await lan.dispose();
    },
  };
}

/** `name.local` → 10.77.0.101 with one web server, unless said otherwise. */
export function nameRequest(name: string, parts: Partial<NameRequestOnLink> = {}): NameRequestOnLink {
  return {
    service: `default/${name}`,
    hosts: [`${name}.local`],
    ips: [ip('10.77.0.101')],
    link: 'eth0',
    instance: name,
    ports: [{ type: '_http._tcp', port: 80, txt: { path: '/' } }],
    verified: [],
    ...parts,
  };
}

/** What an earlier owner has won of a {@link nameRequest}. */
export function verified(name: string): string[] {
  return [`${name}.local`, `${name}._http._tcp.local`];
}

export async function published(publisher: NamePublisher, wanted: NameRequestOnLink): Promise<Ready<PublishedName>> {
  const decision = await eventually(`${wanted.hosts.join()} is published`, () => {
    const now = publisher.ensure(wanted);
    return now.state === 'ready' ? now : undefined;
  });
  return decision!;
}

/** Two nodes, a client and a host that nobody asked for, with what is seen of an address from each of them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdvertisers } from '../../../src/exposure/announcement/advertisers.ts';
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import type { ClosableAnnouncement } from '../../../src/exposure/announcement/port.ts';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { createNetwork, type LinuxNetwork } from '../../../src/linux/network.ts';
import { createSilenceFilter, type LinuxSilenceFilter } from '../../../src/linux/silence-filter.ts';
import { ip, ipToBytes, type Family, type Ip } from '../../../src/model/ip.ts';
import type { Link } from '../../../src/model/wire.ts';
import { DEFENCE, type DefenceTiming } from '../../../src/protocols/acd/defender.ts';
import type { Dialect } from '../../../src/protocols/acd/dialect.ts';
import { ARP } from '../../../src/protocols/arp/dialect.ts';
import { arpProbe } from '../../../src/protocols/arp/packet.ts';
import { NDP } from '../../../src/protocols/ndp/dialect.ts';
import { ndpProbe } from '../../../src/protocols/ndp/forms.ts';
import { createLan, type Lan, type LanHost } from '../../support/netns.ts';

const HOLDER = new URL('holder.ts', import.meta.url).pathname;

export interface FamilyFacts {
  readonly name: string;
  readonly family: Family;
  readonly subnet: (host: number) => Ip;
  readonly prefixLength: number;
}

export const FAMILIES: readonly FamilyFacts[] = [
  { name: 'IPv4', family: 4, subnet: (host) => ip(`10.77.0.${host}`), prefixLength: 32 },
  { name: 'IPv6', family: 6, subnet: (host) => ip(`2001:db8:77::${host}`), prefixLength: 128 },
];

export interface Node {
  readonly announcement: ClosableAnnouncement;
  readonly network: LinuxNetwork;
  readonly silence: LinuxSilenceFilter;
  dispose(): Promise<void>;
}

type HostName = 'n1' | 'n2' | 'lap' | 'rival';
type NodeName = 'n1' | 'n2';

export interface World {
  readonly lan: Lan<HostName>;
  /** An agent's announcing part, in this process. */
  start(host: NodeName, defence?: DefenceTiming): Node;
  /** The same in a process of its own that can be killed. */
  startHolder(host: NodeName, addresses: readonly Ip[], ...options: string[]): Promise<ChildProcess>;
  kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void>;
  /** MACs that answer one question of the client, in half a second; by a question of our own. */
  allAnswers(address: Ip): Promise<string[]>;
  /** The MAC that answers first, asked by arping or ndisc6. */
  firstAnswer(address: Ip): Promise<string | undefined>;
  /** Asks every 20 ms until it is stopped; gives the MACs that answered, in order. */
  keepAsking(address: Ip): { readonly answers: string[]; stop(): void };
  /** The MAC that the client has for it. */
  neighbour(address: Ip): Promise<string | undefined>;
  reaches(address: Ip): Promise<boolean>;
  onKernel(host: HostName, address: Ip): Promise<boolean>;
  /** As the rules name an address: nft knows no IPv6 addresses inside ICMPv6. */
  inRules(address: Ip): string;
  /** Addresses and rules of a node. */
  state(host: NodeName): Promise<string>;
  /** The address of the host itself; of IPv6 the kernel takes it away whenever the link is set down. */
  giveOwn(host: HostName): Promise<void>;
  /** The host says that it has the address, whether or not it has. */
  claim(host: HostName, address: Ip): void;
  /** Ends agents, holders and what the client knows, between tests. */
  reset(): Promise<void>;
  dispose(): Promise<void>;
}

export async function createWorld({ family, subnet, prefixLength }: FamilyFacts): Promise<World> {
  const lan = await createLan({ nodes: ['n1', 'n2', 'lap', 'rival'] });
  let nodes: Node[] = [];
  let children: ChildProcess[] = [];
  const own = (host: HostName): string => `2001:db8:77::${lan.hosts[host].ip.split('.')[3] ?? ''}`;
  const giveOwn = (host: HostName): Promise<void> => lan.hosts[host].ip8(`addr replace ${own(host)}/64 dev eth0 nodad`);
  for (const host of ['n1', 'n2', 'lap', 'rival'] as const) await giveOwn(host);

  const linkOf = (network: LinuxNetwork): Link => network.links().find(({ name }) => name === 'eth0')!;
  /** Hears what answers the client's own questions. */
  const openAsker = <Frame>(dialect: Dialect<Frame>, question: (link: Link) => Frame, address: Ip) => {
    const network = createNetwork({ netns: lan.hosts.lap.netns });
    const link = linkOf(network);
    const answers: string[] = [];
    const socket = network.openFrames({ link, ...dialect.hears }, (data) => {
      const claim = dialect.claim(dialect.decode(data));
      // To everyone is an announcement.
      const toClient = ((data[0] ?? 0) & 1) === 0;
      if (toClient && claim?.ip === address) answers.push(claim.mac);
    });
    return {
      answers,
      ask: () => socket.send(dialect.encode(question(link))),
      close: () => {
        socket.close();
        network.close();
      },
    };
  };
  const asker = (address: Ip) =>
    family === 4
      ? openAsker(ARP, (link) => ({ ...arpProbe(link.mac, address), senderIp: subnet(13) }), address)
      : openAsker(
          NDP,
          (link) => ({ ...ndpProbe(link.mac, address), source: subnet(13), sourceMac: link.mac }),
          address,
        );

  return {
    lan,
    start: (host, defence = DEFENCE) => {
      const node = startNode(lan.hosts[host], defence);
      nodes.push(node);
      return node;
    },
    startHolder: async (host, addresses, ...options) => {
      const child = spawn(process.execPath, [HOLDER, ...options, lan.hosts[host].netns, ...addresses], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      await once(child.stdout, 'data');
      return child;
    },
    kill: async (child, signal) => {
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
    allAnswers: async (address) => {
      const { answers, ask, close } = asker(address);
      ask();
      await delay(500);
      close();
      return answers;
    },
    firstAnswer: async (address) => {
      const argv =
        family === 4
          ? ['arping', '-b', '-c', '1', '-w', '1', '-I', 'eth0', address]
          : ['ndisc6', '-1', '-r', '1', '-w', '1000', address, 'eth0'];
      const { stdout } = await lan.hosts.lap.run(argv);
      const said = family === 4 ? /reply from \S+ \[([0-9A-F:]+)\]/i : /link-layer address: ([0-9A-F:]+)/i;
      return said.exec(stdout)?.[1]?.toLowerCase();
    },
    keepAsking: (address) => {
      const { answers, ask, close } = asker(address);
      const timer = setInterval(ask, 20);
      return {
        answers,
        stop: () => {
          clearInterval(timer);
          close();
        },
      };
    },
    neighbour: async (address) => {
      const text = await lan.hosts.lap.must(['ip', '-j', 'neigh', 'show', address]);
      return (JSON.parse(text || '[]') as { lladdr?: string }[])[0]?.lladdr;
    },
    reaches: async (address) => (await lan.hosts.lap.run(['ping', '-c', '1', '-W', '1', address])).code === 0,
    onKernel: async (host, address) =>
      (await lan.hosts[host].must(['ip', 'addr', 'show'])).includes(` ${address}/${prefixLength} `),
    inRules: (address) => (family === 4 ? address : `0x${Buffer.from(ipToBytes(address)).toString('hex')}`),
    state: async (host) => {
      const addresses = await lan.hosts[host].must(['ip', 'addr']);
      return addresses + (await lan.hosts[host].must(['nft', 'list', 'ruleset']));
    },
    giveOwn,
    claim: (host, address) => {
      const network = createNetwork({ netns: lan.hosts[host].netns });
      const link = linkOf(network);
      const advertiser = createAdvertisers(() => ({
        network,
        link,
        answers: () => false,
        onClaim: () => undefined,
      })).on(link, family);
      advertiser.announce(address);
      advertiser.close();
      network.close();
    },
    reset: async () => {
      for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
      await Promise.all(nodes.map((node) => node.dispose()));
      nodes = [];
      children = [];
      await lan.hosts.lap.run(['ip', 'neigh', 'flush', 'dev', 'eth0', 'nud', 'all']);
    },
    dispose: () => lan.dispose(),
  };
}

function startNode({ netns }: LanHost, defence: DefenceTiming): Node {
  const network = createNetwork({ netns });
  const table = createAddressTable({ netns });
  const silence = createSilenceFilter({ netns });
  const clock = createSystemClock();
  const announcement = createAnnouncement({ network, addressTable: table, silence, clock, defence });
  return {
    announcement,
    network,
    silence,
    dispose: async () => {
      await announcement.close();
      network.close();
      table.close();
      silence.close();
    },
  };
}

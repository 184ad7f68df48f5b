import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAnnouncement, type ClosableAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import { createAdvertisers } from '../../../src/exposure/announcement/advertisers.ts';
import { createAddressProber } from '../../../src/exposure/address/prober.ts';
import { createAddressTable, type LinuxAddressTable } from '../../../src/linux/address-table.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { createNetwork, type LinuxNetwork } from '../../../src/linux/network.ts';
import { createSilenceFilter, type LinuxSilenceFilter } from '../../../src/linux/silence-filter.ts';
import { ip, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import { NDP } from '../../../src/protocols/ndp/dialect.ts';
import { ndpProbe } from '../../../src/protocols/ndp/forms.ts';
import { createLan, eventually, type Lan, type LanHost } from '../../support/netns.ts';

const HOLDER = new URL('holder.ts', import.meta.url).pathname;

interface Node {
  readonly announcement: ClosableAnnouncement;
  readonly network: LinuxNetwork;
  readonly table: LinuxAddressTable;
  readonly silence: LinuxSilenceFilter;
  dispose(): Promise<void>;
}

function startNode(host: LanHost): Node {
  const { netns } = host;
  const network = createNetwork({ netns });
  const table = createAddressTable({ netns });
  const silence = createSilenceFilter({ netns });
  const announcement = createAnnouncement({ network, addressTable: table, silence, clock: createSystemClock() });
  return {
    announcement,
    network,
    table,
    silence,
    dispose: async () => {
      await announcement.close();
      network.close();
      table.close();
      silence.close();
    },
  };
}

const FAMILIES = [
  { name: 'IPv4', family: 4, subnet: (host: number) => ip(`10.77.0.${host}`), prefixLength: 32 },
  { name: 'IPv6', family: 6, subnet: (host: number) => ip(`2001:db8:77::${host}`), prefixLength: 128 },
] as const;

describe.each(FAMILIES)('an $name address on the LAN', ({ family, subnet, prefixLength }) => {
  const VIP = subnet(200);
  const SECOND = subnet(201);
  const FOREIGN = subnet(230);
  let lan: Lan<'n1' | 'n2' | 'lap'>;
  let nodes: Node[] = [];
  let children: ChildProcess[] = [];
  beforeAll(async () => {
    lan = await createLan({ nodes: ['n1', 'n2', 'lap'] });
    for (const host of ['n1', 'n2', 'lap'] as const) await giveOwnV6(host);
  });
  beforeEach(async () => {
    await lan.hosts.lap.run(['ip', 'neigh', 'flush', 'dev', 'eth0']);
  });
  afterEach(async () => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(nodes.map((node) => node.dispose()));
    nodes = [];
    children = [];
  });
  afterAll(async () => await lan.dispose());

  /** Of the node itself; the kernel takes it away whenever the link is set down. */
  const giveOwnV6 = async (host: 'n1' | 'n2' | 'lap'): Promise<void> =>
    await lan.hosts[host].ip8(`addr replace 2001:db8:77::${lan.hosts[host].ip.split('.')[3]}/64 dev eth0 nodad`);
  const start = (host: 'n1' | 'n2'): Node => {
    const node = startNode(lan.hosts[host]);
    nodes.push(node);
    return node;
  };
  const startHolder = async (host: 'n1' | 'n2', ...addresses: Ip[]): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [HOLDER, lan.hosts[host].netns, ...addresses], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  };
  const kill = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  /** MACs that answer the laptop's question; waits for so many, at most a second. */
  const answers = async (address: Ip, count = 1): Promise<string[]> => {
    // ndisc6 would take announcements for answers.
    if (family === 6 && count > 1) return await answersByNdp(address);
    const argv =
      family === 4
        ? ['arping', '-b', '-c', String(count), '-w', '1', '-I', 'eth0', address]
        : ['ndisc6', '-1', '-r', '1', '-w', '1000', address, 'eth0'];
    const { stdout } = await lan.hosts.lap.run(argv);
    const said = family === 4 ? /reply from \S+ \[([0-9A-F:]+)\]/gi : /link-layer address: ([0-9A-F:]+)/gi;
    return [...stdout.matchAll(said)].map((match) => match[1]!.toLowerCase());
  };
  const answersByNdp = async (address: Ip): Promise<string[]> => {
    const network = createNetwork({ netns: lan.hosts.lap.netns });
    const link = network.links().find(({ name }) => name === 'eth0')!;
    const macs: string[] = [];
    const socket = network.openFrames({ link, ...NDP.hears }, (data) => {
      const frame = NDP.decode(data);
      if (frame.kind === 'advertisement' && frame.solicited && frame.target === address) macs.push(frame.from);
    });
    const question = { ...ndpProbe(link.mac, address), source: subnet(13), sourceMac: link.mac };
    socket.send(NDP.encode(question));
    await delay(500);
    socket.close();
    network.close();
    return macs;
  };
  const neighbour = async (address: Ip): Promise<string | undefined> => {
    const text = await lan.hosts.lap.must(['ip', '-j', 'neigh', 'show', address]);
    return (JSON.parse(text || '[]') as { lladdr?: string }[])[0]?.lladdr;
  };
  const onKernel = async (host: 'n1' | 'n2', address: Ip): Promise<boolean> =>
    (await lan.hosts[host].must(['ip', 'addr', 'show', 'dev', 'eth0'])).includes(` ${address}/${prefixLength} `);
  /** As the rules name it: nft knows no IPv6 addresses inside ICMPv6. */
  const inRules = family === 4 ? VIP : `0x${Buffer.from(ipToBytes(VIP)).toString('hex')}`;
  const state = async (host: 'n1' | 'n2'): Promise<string> => {
    const addresses = await lan.hosts[host].must(['ip', 'addr']);
    return addresses + (await lan.hosts[host].must(['nft', 'list', 'ruleset']));
  };
  const reaches = async (address: Ip): Promise<boolean> =>
    (await lan.hosts.lap.run(['ping', '-c', '1', '-W', '1', address])).code === 0;

  /** The laptop says again and again that it has the address. */
  const startRival = (address: Ip): { stop(): Promise<void> } => {
    const network = createNetwork({ netns: lan.hosts.lap.netns });
    const link = network.links().find(({ name }) => name === 'eth0')!;
    const nobody = { network, link, answers: () => false, onClaim: () => undefined };
    const advertiser = createAdvertisers(() => nobody).on(link, family);
    const timer = setInterval(() => advertiser.announce(address), 200);
    return {
      stop: async () => {
        clearInterval(timer);
        advertiser.close();
        network.close();
        await Promise.resolve();
      },
    };
  };

  it('resolves to the MAC of the node that holds it, answered once, and carries traffic', async () => {
    const { announcement } = start('n1');
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'ready', value: { link: 'eth0' } });
    expect(await answers(VIP, 2)).toEqual([lan.hosts.n1.mac]);
    expect(await reaches(VIP)).toBe(true);
    expect(await neighbour(VIP)).toBe(lan.hosts.n1.mac);
  });

  it('is answered for by the agent and not by the kernel, and by the kernel while alone', async () => {
    const { announcement, silence } = start('n1');
    announcement.ensure({ ip: VIP });
    await eventually('on the kernel', () => onKernel('n1', VIP));
    expect(await lan.hosts.n1.must(['nft', 'list', 'ruleset'])).toContain(inRules);
    await silence.set([]);
    expect(await answers(VIP, 2)).toEqual([lan.hosts.n1.mac, lan.hosts.n1.mac]);
    announcement.setAlone(true);
    await eventually('only one answers', async () => (await answers(VIP, 2)).length === 1);
    announcement.setAlone(false);
    await eventually('silence again', async () =>
      (await lan.hosts.n1.must(['nft', 'list', 'ruleset'])).includes(inRules),
    );
    expect(await answers(VIP, 2)).toEqual([lan.hosts.n1.mac]);
  });

  it('falls silent with the process that held it, serves what is under way, and goes by itself', async () => {
    const holder = await startHolder('n1', VIP);
    expect(await answers(VIP)).toEqual([lan.hosts.n1.mac]);
    await lan.hosts.lap.must(['ip', 'neigh', 'replace', VIP, 'lladdr', lan.hosts.n1.mac, 'dev', 'eth0']);
    await kill(holder, 'SIGKILL');
    expect(await onKernel('n1', VIP)).toBe(true);
    expect(await reaches(VIP)).toBe(true);
    const killed = performance.now();
    expect(await answers(VIP)).toEqual([]);
    await eventually('address gone', async () => !(await onKernel('n1', VIP)));
    expect(performance.now() - killed).toBeLessThan(4000);
    await lan.hosts.lap.must(['ip', 'neigh', 'del', VIP, 'dev', 'eth0']);
  });

  it('falls silent while the process is frozen, and is back when it goes on', async () => {
    const holder = await startHolder('n1', VIP);
    holder.kill('SIGSTOP');
    expect(await answers(VIP)).toEqual([]);
    await eventually('address gone', async () => !(await onKernel('n1', VIP)));
    holder.kill('SIGCONT');
    await eventually('address back', () => onKernel('n1', VIP));
    expect(await answers(VIP)).toEqual([lan.hosts.n1.mac]);
    await kill(holder, 'SIGTERM');
    expect(await onKernel('n1', VIP)).toBe(false);
  });

  it('moves: a neighbour that knew the old node knows the new one at once', async () => {
    const holder = await startHolder('n1', VIP);
    const second = start('n2');
    expect(await reaches(VIP)).toBe(true);
    expect(await neighbour(VIP)).toBe(lan.hosts.n1.mac);
    await kill(holder, 'SIGKILL');
    second.announcement.ensure({ ip: VIP });
    await eventually('neighbour entry changed', async () => (await neighbour(VIP)) === lan.hosts.n2.mac);
    expect(await reaches(VIP)).toBe(true);
    expect(await answers(VIP)).toEqual([lan.hosts.n2.mac]);
  });

  it('is cleaned up by the next start after a crash, and only what is ours', async () => {
    await start('n1').announcement.close();
    const before = await state('n1');
    await lan.hosts.n1.ip8(`addr add ${FOREIGN}/${prefixLength} dev eth0`);
    const holder = await startHolder('n1', VIP, SECOND);
    await kill(holder, 'SIGKILL');
    expect(await onKernel('n1', VIP)).toBe(true);
    const next = start('n1');
    expect(await onKernel('n1', VIP)).toBe(false);
    expect(await onKernel('n1', FOREIGN)).toBe(true);
    next.announcement.ensure({ ip: VIP });
    await eventually('only the new one is silent', async () => {
      const rules = await lan.hosts.n1.must(['nft', 'list', 'ruleset']);
      return rules.includes(`elements = { ${inRules} }`);
    });
    await next.announcement.close();
    await lan.hosts.n1.ip8(`addr del ${FOREIGN}/${prefixLength} dev eth0`);
    expect(await state('n1')).toBe(before);
  });

  it('leaves nothing when it is released, and nothing at all when the agent ends', async () => {
    const before = await state('n1');
    const { announcement, silence } = start('n1');
    await silence.set([]);
    const idle = await state('n1');
    for (const address of [VIP, SECOND]) announcement.ensure({ ip: address });
    await eventually('both there', async () => (await onKernel('n1', VIP)) && (await onKernel('n1', SECOND)));
    expect(await state('n1')).not.toBe(idle);
    expect(announcement.release(VIP).state).toBe('off');
    expect(announcement.release(SECOND).state).toBe('off');
    await silence.set([]);
    expect(await state('n1')).toBe(idle);
    announcement.ensure({ ip: VIP });
    await announcement.close();
    expect(await state('n1')).toBe(before);
  });

  it('is put back at once when somebody removes it, and rules when somebody flushes them', async () => {
    const { announcement } = start('n1');
    announcement.ensure({ ip: VIP });
    await eventually('there', () => onKernel('n1', VIP));
    await lan.hosts.n1.must(['ip', 'addr', 'del', `${VIP}/${prefixLength}`, 'dev', 'eth0']);
    await eventually('there again', () => onKernel('n1', VIP), 1000);
    await lan.hosts.n1.must(['nft', 'flush', 'ruleset']);
    await eventually('silent again', async () =>
      (await lan.hosts.n1.must(['nft', 'list', 'ruleset'])).includes(inRules),
    );
    expect(await answers(VIP)).toEqual([lan.hosts.n1.mac]);
  });

  it('follows its link down and up', async () => {
    const { announcement } = start('n1');
    const changes: Ip[] = [];
    announcement.onChange((address) => changes.push(address));
    announcement.ensure({ ip: VIP });
    await lan.setCable('n1', false);
    await eventually('noticed', () => changes.length === 1);
    expect(announcement.ensure({ ip: VIP })).toMatchObject({ state: 'failed', reason: 'LinkDown' });
    await lan.setCable('n1', true);
    await eventually('noticed', () => changes.length === 2);
    expect(announcement.ensure({ ip: VIP }).state).toBe('ready');
    expect(await answers(VIP)).toEqual([lan.hosts.n1.mac]);
    // Down by the administrator takes the kernel's addresses and our socket's ear along.
    await lan.hosts.n1.ip8('link set eth0 down');
    await eventually('noticed', () => changes.length === 3);
    await lan.hosts.n1.ip8('link set eth0 up');
    await giveOwnV6('n1');
    await eventually('noticed', () => changes.length === 4);
    await eventually('answered', async () => (await answers(VIP)).includes(lan.hosts.n1.mac));
    expect(await reaches(VIP)).toBe(true);
  });

  it('tells of a machine that claims it for itself', async () => {
    const { announcement } = start('n1');
    const conflicts: unknown[] = [];
    announcement.onConflict((conflict) => conflicts.push(conflict));
    announcement.ensure({ ip: VIP });
    const rival = startRival(VIP);
    await eventually('conflict', () => conflicts.length > 0);
    expect(conflicts).toEqual([{ ip: VIP, mac: lan.hosts.lap.mac, link: 'eth0' }]);
    await rival.stop();
  });

  it('is seen as used by a probe while a node holds it, and as free when none does', async () => {
    const { network } = start('n2');
    const prober = createAddressProber({ network, clock: createSystemClock(), entropy: systemEntropy });
    expect(await prober.probe(VIP, 'eth0')).toBeUndefined();
    expect(await prober.probe(subnet(13), 'eth0')).toBe(lan.hosts.lap.mac);
    start('n1').announcement.ensure({ ip: VIP });
    expect(await prober.probe(VIP, 'eth0')).toBe(lan.hosts.n1.mac);
    await expect(prober.probe(VIP, 'eth9')).rejects.toMatchObject({ code: 'NO_LINK' });
  });
});

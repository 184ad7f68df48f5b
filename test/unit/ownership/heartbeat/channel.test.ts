import { beforeEach, describe, expect, it } from 'vitest';
import { createHeartbeatChannel, type Transport } from '../../../../src/exposure/ownership/heartbeat/channel.ts';
import type { HeartbeatChannel } from '../../../../src/exposure/ownership/heartbeat/port.ts';
import { ip } from '../../../../src/model/ip.ts';
import type { Mac } from '../../../../src/model/mac.ts';
import type { DatagramSocketOptions, Link, Network } from '../../../../src/model/wire.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';

const GROUP = '239.255.75.86';
const GROUP6 = 'ff12::4b56';
const PEERS = ['10.0.0.2', '10.0.0.3'].map((text) => ip(text));

const link = (change: Partial<Link> = {}): Link => ({
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01' as Mac,
  up: true,
  addresses: [
    { ip: ip('10.0.0.1'), prefixLength: 24 },
    { ip: ip('10.0.0.200'), prefixLength: 32 },
  ],
  gateway: { v4: ip('10.0.0.254') },
  ...change,
});

interface Opened {
  readonly options: DatagramSocketOptions;
  readonly sent: { to: string; kind: number; rest: number[] }[];
  closed: boolean;
}

let clock: FakeClock;
let links: Link[];
let opened: Opened[];
let changed: () => void;
let refuse: boolean;
let problems: (string | undefined)[];

beforeEach(() => {
  clock = createFakeClock();
  links = [link()];
  opened = [];
  problems = [];
  refuse = false;
});

async function channel(transport: Transport, name?: string): Promise<HeartbeatChannel> {
  const network: Pick<Network, 'links' | 'onChange' | 'openDatagrams'> = {
    links: () => links,
    onChange: (callback) => {
      changed = callback;
      return () => undefined;
    },
    openDatagrams: async (options) => {
      if (refuse) throw new Error('EADDRINUSE');
      const socket: Opened = { options, sent: [], closed: false };
      opened.push(socket);
      return await Promise.resolve({
        localPort: options.localPort ?? 0,
        send: ([kind = -1, ...rest]: Uint8Array, to: { ip: string }) =>
          void socket.sent.push({ to: to.ip, kind, rest }),
        close: () => void (socket.closed = true),
      });
    },
  };
  const made = createHeartbeatChannel({
    network: network as Network,
    clock,
    port: 10_471,
    transport,
    link: () => name,
    peers: () => [...PEERS, ip('10.0.0.1')],
    afterPoll: (then) => then(),
    onProblem: (problem) => problems.push(problem),
  });
  await clock.advanceAsync(0);
  return made;
}

const hear = (kind: number, from: string): void =>
  opened.at(-1)?.options.onDatagram({ data: Uint8Array.of(kind, 7), from: { ip: ip(from), port: 10_471 } });
const targets = (made: HeartbeatChannel): string[] => {
  opened.at(-1)?.sent.splice(0);
  made.send(Uint8Array.of(9));
  return (opened.at(-1)?.sent ?? []).map(({ to, kind }) => `${to} ${kind}`);
};

describe('the channel of heartbeats', () => {
  it('joins the group on the link with the default route, and hands over what arrives without its first byte', async () => {
    const made = await channel('auto');
    expect(opened[0]?.options).toMatchObject({ family: 4, localPort: 10_471, join: [GROUP], multicastTtl: 1 });
    const heard: number[][] = [];
    made.onDatagram((datagram) => heard.push([...datagram]));
    hear(0, '10.0.0.2');
    hear(9, '10.0.0.2');
    opened[0]?.options.onDatagram({ data: new Uint8Array(0), from: { ip: ip('10.0.0.2'), port: 1 } });
    expect(heard).toEqual([[7]]);
  });

  it('speaks by IPv6 where the link has no IPv4 address but ours', async () => {
    links = [
      link({
        addresses: [
          { ip: ip('fe80::1'), prefixLength: 64 },
          { ip: ip('10.0.0.200'), prefixLength: 32 },
        ],
      }),
    ];
    await channel('auto');
    expect(opened[0]?.options).toMatchObject({ family: 6, join: [GROUP6] });
  });

  it('speaks to those directly that are not heard by multicast, and not to itself', async () => {
    const made = await channel('auto');
    expect(targets(made)).toEqual([`${GROUP} 0`]);
    hear(0, '10.0.0.2');
    clock.advance(1500);
    hear(0, '10.0.0.2');
    clock.advance(1000);
    expect(targets(made)).toEqual([`${GROUP} 0`, '10.0.0.3 2']);
  });

  it('answers directly whoever asks for it, though it is heard: multicast may be lost in one direction', async () => {
    const made = await channel('auto');
    hear(0, '10.0.0.2');
    hear(2, '10.0.0.2');
    expect(targets(made)).toEqual([`${GROUP} 0`, '10.0.0.2 1']);
    // What is only an answer asks for nothing.
    clock.advance(1500);
    hear(0, '10.0.0.2');
    hear(0, '10.0.0.3');
    hear(1, '10.0.0.2');
    clock.advance(600);
    expect(targets(made)).toEqual([`${GROUP} 0`]);
  });

  it('sends nothing to addresses that no agent has, whoever asks', async () => {
    const made = await channel('auto');
    hear(2, '203.0.113.9');
    expect(targets(made)).toEqual([`${GROUP} 0`]);
  });

  it.each<[Transport, string[]]>([
    ['multicast', [`${GROUP} 0`]],
    ['unicast', ['10.0.0.2 2', '10.0.0.3 2']],
  ])('keeps to %s when it is told to', async (transport, expected) => {
    const made = await channel(transport);
    clock.advance(5000);
    expect(targets(made)).toEqual(expected);
    expect(opened[0]?.options.join).toEqual(transport === 'unicast' ? undefined : [GROUP]);
  });

  it('follows its link: down and up, renamed, another default route; other changes leave it alone', async () => {
    await channel('auto');
    links = [link({ addresses: [...link().addresses, { ip: ip('10.0.0.201'), prefixLength: 32 }] })];
    changed();
    expect(opened).toHaveLength(1);
    links = [link({ up: false })];
    changed();
    expect(opened[0]?.closed).toBe(true);
    expect(problems.at(-1)).toMatch(/eth0 is down/);
    for (const next of [link(), link({ name: 'lan0' }), link({ index: 3 })]) {
      links = [next];
      changed();
      await clock.advanceAsync(0);
      expect(opened.at(-1)?.options.link).toMatchObject({ name: next.name, index: next.index });
      expect(opened.filter(({ closed }) => !closed)).toHaveLength(1);
    }
    expect(problems.at(-1)).toBeUndefined();
  });

  it('tries again while its port is another program’s', async () => {
    refuse = true;
    await channel('auto', 'eth0');
    expect(problems).toEqual(['EADDRINUSE']);
    refuse = false;
    await clock.advanceAsync(500);
    expect(opened).toHaveLength(1);
    expect(problems).toEqual(['EADDRINUSE', undefined]);
  });
});

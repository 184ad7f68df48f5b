/** Owners by heartbeat: every node is listened to all the time, whatever happens to agents, nodes and the API server. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiServer } from '../../src/lab/cluster-daemons.ts';
import { ensureDaemon, stopDaemon } from '../../src/lab/daemons.ts';
import { powerOff, powerOn, startAgent, stopAgent } from '../../src/lab/faults.ts';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { requireState } from '../../src/lab/state.ts';
import { createNetwork, type LinuxNetwork } from '../../src/linux/network.ts';
import { ip } from '../../src/model/ip.ts';
import type { DatagramSocket } from '../../src/model/wire.ts';
import { agentPid } from '../support/agent-process.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { callTheRoll, type RollCall } from '../support/roll-call.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIP = '10.77.0.200';
const GROUP = { ip: ip('239.255.75.86'), port: 10_471 };

let lab: TestLab;
let roll: RollCall;
let stopRoll = (): void => undefined;

const nodeOf = (mac: string): string => NODES.find((node) => nodeAddresses(node).mac === mac) ?? mac;
/** The node that answered the last question that anybody answered. */
const holder = (): string | undefined => {
  const last = roll.holders().at(-1);
  return last === undefined ? undefined : nodeOf(last);
};
/** The one that answers now: of the last few questions, all were answered by it. */
const answering = (): string | undefined => {
  const last = roll.answers().slice(-15, -3).flat();
  return last.length >= 10 && new Set(last).size === 1 ? nodeOf(last[0] ?? '') : undefined;
};
const page = (): Promise<string | undefined> => lab.curl('laptop', `http://${VIP}/`);
const log = (node: string): string => readFileSync(join(lab.paths.logs, `${node}-agent.log`), 'utf8');
const vipHost = async (): Promise<string | undefined> => {
  const service = await lab.cluster.resource('Service').get({ name: 'web', namespace: 'default' });
  return service.metadata.annotations?.['kube-vip.io/vipHost'];
};

/** Another node answers, and stays; there was no question that two answered. */
async function movedFrom(before: string): Promise<string> {
  const next = await eventually(answering, (node) => node !== undefined && node !== before);
  expect(next).not.toBe(before);
  expect(await eventually(page, Boolean)).toBeDefined();
  await delay(1000);
  expect(holder()).toBe(next);
  expect(roll.disputed()).toEqual([]);
  return next ?? '';
}

const stopApi = (): Promise<boolean> => stopDaemon(lab.paths, 'api', { graceMs: 0 });
const startApi = (): Promise<unknown> => ensureDaemon(lab.paths, apiServer(lab.paths, requireState(lab.paths)));

beforeAll(async () => {
  lab = await startLab({
    election: 'heartbeat',
    ipv6: false,
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
  });
  await lab.deployment('web', 3);
  await lab.cluster.resource('ConfigMap').create({
    metadata: { name: 'kubevip', namespace: 'kube-system' },
    data: { 'range-global': `${VIP}-${VIP}` },
  });
  const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80');
  expect(exposed.code, exposed.stderr).toBe(0);
  roll = callTheRoll(netnsOf(lab.paths, 'laptop'), ip(VIP));
  stopRoll = () => roll.stop();
  await eventually(answering, Boolean);
}, 120_000);
afterAll(async () => {
  stopRoll();
  await lab[Symbol.asyncDispose]();
});

describe('owners by heartbeat', () => {
  it('are written down afterwards, and the key is in no log', async () => {
    const lease = lab.cluster.resource('Lease');
    const ref = { name: 'kubevip-10-77-0-200', namespace: 'kube-system' };
    await eventually(
      () => lease.find(ref),
      (found) => found?.spec?.holderIdentity === answering(),
    );
    expect((await lease.get(ref)).spec?.holderIdentity).toBe(holder());
    expect(await vipHost()).toBe(holder());
    const { data = {} } = await lab.cluster
      .resource('Secret')
      .get({ name: 'kubevip-heartbeat', namespace: 'kube-system' });
    const key = Buffer.from(data['key'] ?? '', 'base64');
    expect(key).toHaveLength(32);
    for (const node of NODES) {
      expect(log(node)).not.toContain(data['key']);
      expect(log(node)).not.toContain(key.toString('hex'));
    }
  });

  it('follow an agent that is killed', async () => {
    const before = holder() ?? '';
    process.kill(agentPid(lab, before), 'SIGKILL');
    const next = await movedFrom(before);
    await startAgent(lab.id, before);
    // Who comes back pulls nothing back.
    await delay(2000);
    expect(holder()).toBe(next);
    expect(await eventually(vipHost, (host) => host === next)).toBe(next);
  });

  it('are handed over by an agent that ends: not one question goes unanswered for long, and no two answer', async () => {
    const before = holder() ?? '';
    const asked = roll.answers().length;
    await stopAgent(lab.id, before);
    await movedFrom(before);
    const gaps = roll
      .answers()
      .slice(asked)
      .map((machines) => (machines.length === 0 ? '-' : 'x'))
      .join('');
    // Fifteen questions are what a death costs at least.
    expect(gaps).not.toMatch(/-{12}/);
    await startAgent(lab.id, before);
  });

  it('follow a power cut, and the node that comes back', async () => {
    const before = holder() ?? '';
    await powerOff(lab.id, before);
    const next = await movedFrom(before);
    await powerOn(lab.id, before);
    await delay(2000);
    expect(holder()).toBe(next);
    expect(roll.disputed()).toEqual([]);
  });

  it('leave an agent that stands still for 5 s, and are not disturbed when it wakes', async () => {
    const before = holder() ?? '';
    const pid = agentPid(lab, before);
    process.kill(pid, 'SIGSTOP');
    let next = '';
    try {
      await delay(5000);
      next = holder() ?? '';
      expect(next).not.toBe(before);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const changes = roll.holders().length;
    await delay(3000);
    expect(roll.holders().slice(changes)).toEqual([]);
    expect(holder()).toBe(next);
    expect(roll.disputed()).toEqual([]);
  });

  it(
    'need no API server: a power cut while there is none, and an agent that starts while there is none',
    { timeout: 180_000 },
    async () => {
      const state = statSync(join(lab.paths.disks, 'n1', 'services.json'));
      expect(state.mode & 0o777).toBe(0o600);
      await stopApi();
      try {
        const first = holder() ?? '';
        await powerOff(lab.id, first);
        const second = await movedFrom(first);
        // All agents that are left start anew: they have nothing but what they remember.
        const left = NODES.filter((node) => node !== first);
        for (const node of left) process.kill(agentPid(lab, node), 'SIGKILL');
        await delay(3000);
        for (const node of left) await startAgent(lab.id, node);
        const served = await eventually(answering, Boolean);
        expect(left).toContain(served);
        expect(await eventually(page, Boolean)).toBeDefined();
        expect(second).not.toBe(first);
        await startApi();
        await powerOn(lab.id, first);
      } finally {
        await startApi();
      }
      // Written down after the fact.
      await eventually(vipHost, (host) => host !== undefined && host === answering(), 60);
      const said = NODES.map((node) => log(node).split('\n').slice(-15).join('\n'));
      expect(await vipHost(), said.join('\n')).toBe(answering());
      expect(roll.disputed()).toEqual([]);
    },
  );
});

describe('hostile heartbeats', () => {
  let network: LinuxNetwork;
  let socket: DatagramSocket;
  const recorded: Uint8Array[] = [];

  beforeAll(async () => {
    network = createNetwork({ netns: netnsOf(lab.paths, 'laptop') });
    const link = network.links().find(({ name }) => name === 'eth0');
    if (!link) throw new Error('the laptop has no eth0');
    socket = await network.openDatagrams({
      family: 4,
      link,
      localPort: GROUP.port,
      join: [GROUP.ip],
      multicastTtl: 1,
      onDatagram: ({ data }) => {
        if (recorded.length < 2000) recorded.push(data);
      },
      onError: (error) => expect.fail(error.message),
    });
  });
  afterAll(() => {
    socket.close();
    network.close();
  });

  it('under another key, cut short, or as noise, change nothing', async () => {
    await eventually(
      () => recorded.length,
      (count) => count > 60,
    );
    const before = holder();
    const changes = roll.holders().length;
    for (const original of recorded.slice(0, 60)) {
      const forged = original.slice();
      forged[20] = (forged[20] ?? 0) ^ 0xff;
      socket.send(forged, GROUP);
      socket.send(original.slice(0, 30), GROUP);
      socket.send(new Uint8Array(1400).fill(original[5] ?? 1), GROUP);
      socket.send(new Uint8Array(0), GROUP);
    }
    await delay(1000);
    expect(holder()).toBe(before);
    expect(roll.holders()).toHaveLength(changes);
  });

  it('that were recorded bring no dead agent back', async () => {
    const before = holder() ?? '';
    const tape = recorded.slice();
    process.kill(agentPid(lab, before), 'SIGKILL');
    const playing = setInterval(() => {
      for (const datagram of tape.splice(0, 5)) {
        tape.push(datagram);
        socket.send(datagram, GROUP);
      }
    }, 20);
    try {
      await movedFrom(before);
    } finally {
      clearInterval(playing);
    }
    await startAgent(lab.id, before);
    await delay(2000);
    expect(roll.disputed()).toEqual([]);
  });

  it('in a flood keep no owner from being heard', async () => {
    const before = holder();
    const changes = roll.holders().length;
    const noise = new Uint8Array(200).fill(7);
    const original = recorded.at(-1) ?? noise;
    const end = Date.now() + 4000;
    while (Date.now() < end) {
      for (let i = 0; i < 50; i++) socket.send(i % 2 === 0 ? noise : original, GROUP);
      await delay(10);
    }
    expect(holder()).toBe(before);
    expect(roll.holders()).toHaveLength(changes);
    expect(roll.disputed()).toEqual([]);
    for (const node of NODES) expect(existsSync(`/proc/${agentPid(lab, node)}`)).toBe(true);
  });
});

describe('two of three nodes without power, and the API server gone for good', () => {
  /** New connections, one after the other: what answered each, or `failed`. */
  const connects = async (times: number): Promise<string[]> => {
    const loop = `for i in $(seq ${times}); do curl --silent --fail --connect-timeout 0.5 --max-time 1 http://${VIP}/ || echo failed; done`;
    return (await lab.on('laptop', 'sh', '-c', loop)).stdout.trim().split('\n');
  };
  const from = (node: string) => (answer: string) => answer.endsWith(` on ${node}`);

  it('the last one has the address, and leads no connection to the pods of the others', async () => {
    const before = holder() ?? '';
    const last = NODES.find((node) => node !== before) ?? '';
    // Until each node has its pod again, the last one has no rule to prove.
    const spread = await eventually(
      () => connects(20),
      (all) => NODES.every((node) => all.some(from(node))),
    );
    expect(spread).not.toContain('failed');
    await stopApi();
    for (const node of NODES.filter((one) => one !== last)) await powerOff(lab.id, node);
    await eventually(
      () => connects(10),
      (all) => all.every(from(last)),
    );
    for (let round = 0; round < 3; round++) {
      expect((await connects(30)).filter((answer) => !from(last)(answer))).toEqual([]);
      // Ten seconds alone its kernel may answer for it.
      await delay(4000);
    }
    expect(holder()).toBe(last);
    expect(roll.disputed()).toEqual([]);
  });
});

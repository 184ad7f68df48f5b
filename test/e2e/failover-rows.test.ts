/**
 * What rows of the failover bench ask for and no other file here shows, in short and without their times: an update of all
 * agents, a new key, busy machines, many addresses, and what is left of a cluster that has lost two of three nodes.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startConnecting } from '../../bench/failover/probe/prober.ts';
import { ensureDaemon, stopDaemon } from '../../src/lab/daemons.ts';
import { powerOff, powerOn, startAgent, stopAgent } from '../../src/lab/faults.ts';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { HEARTBEAT_SECRET } from '../../src/manifests/names.ts';
import { KEY } from '../../src/model/annotations.ts';
import { ip } from '../../src/model/ip.ts';
import { agentPid } from '../support/agent-process.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { callTheRoll, type RollCall } from '../support/roll-call.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIP = '10.77.0.200';
const MANY = Array.from({ length: 100 }, (_, i) => `10.77.0.${101 + i}`).filter((address) => address !== VIP);
const EVERY_MS = 10;

let lab: TestLab;
let roll: RollCall;
let stopRoll = (): void => undefined;

const nodeOf = (mac: string): string => NODES.find((node) => nodeAddresses(node).mac === mac) ?? mac;
/** The one that answers now, and alone. */
const owner = (): string | undefined => {
  const last = roll.answers().slice(-28, -3);
  const macs = new Set(last.flat());
  return last.every(({ length }) => length === 1) && macs.size === 1 ? nodeOf([...macs][0] ?? '') : undefined;
};
const theOwner = async (unless?: string): Promise<string> => {
  const node = await eventually(owner, (one) => one !== undefined && one !== unless);
  expect(node).toBeDefined();
  expect(node).not.toBe(unless);
  return node ?? '';
};
/** New connections, one after the other: those that failed. */
const failures = async (times: number): Promise<number> => {
  const connect = `curl --silent --fail --output /dev/null --connect-timeout 0.5 --max-time 1 http://${VIP}/`;
  const { stdout } = await lab.on('laptop', 'sh', '-c', `for i in $(seq ${times}); do ${connect} || echo failed; done`);
  return stdout.split('failed').length - 1;
};
const present = async (node: string): Promise<void> => {
  const presence = { name: `kubevip-node-${node}`, namespace: 'kube-system' };
  const holder = async (): Promise<string | undefined> =>
    (await lab.cluster.resource('Lease').find(presence))?.spec?.holderIdentity;
  expect(await eventually(holder, (one) => one === node)).toBe(node);
};
/** Nodes with a pod that is ready, as the API server lists them. */
const serving = async (): Promise<(string | undefined)[]> => {
  const { items } = await lab.cluster.resource('EndpointSlice').list({ namespace: 'default' });
  return items.flatMap(({ metadata, endpoints }) =>
    metadata.labels?.['kubernetes.io/service-name'] === 'web'
      ? (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).map(({ nodeName }) => nodeName)
      : [],
  );
};
/** Those of many addresses that a node has. */
const held = async (node: string): Promise<string[]> => {
  const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
  return MANY.filter((address) => stdout.includes(` ${address}/`));
};
/** What a node has and what its agent said last, for the message of a failure. */
const account = async (node: string): Promise<string> => {
  process.kill(agentPid(lab, node), 'SIGUSR1');
  await delay(2000);
  const said = readFileSync(join(lab.paths.logs, `${node}-agent.log`), 'utf8').split('\n');
  return [`${(await held(node)).length} addresses in the kernel`, ...said.slice(-250)].join('\n');
};
/** Those that nobody answers for. */
const silent = async (addresses: readonly string[]): Promise<string[]> => {
  const ask = 'arping -q -c 3 -w 3 -f -I eth0 $a || echo $a';
  const { stdout } = await lab.on('laptop', 'sh', '-c', `for a in ${addresses.join(' ')}; do (${ask}) & done; wait`);
  return stdout.split('\n').filter(Boolean).sort();
};

beforeAll(async () => {
  lab = await startLab({
    election: 'heartbeat',
    ipv6: false,
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
    nodeGraceMs: 60_000,
  });
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': `${MANY[0]}-${VIP}` });
  const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--ip', VIP);
  expect(exposed.code, exposed.stderr).toBe(0);
  roll = callTheRoll(netnsOf(lab.paths, 'laptop'), ip(VIP));
  stopRoll = () => roll.stop();
  await theOwner();
}, 120_000);
afterAll(async () => {
  stopRoll();
  await lab[Symbol.asyncDispose]();
});

describe('an owner', () => {
  it('changes without a refused connection when all agents are updated one after the other', async () => {
    const connecting = await startConnecting(lab.paths, ip(VIP), EVERY_MS);
    for (const node of NODES) {
      await stopAgent(lab.id, node);
      await startAgent(lab.id, node);
      await present(node);
    }
    await delay(500);
    const { started, failed } = await connecting.stop();
    expect(started.length).toBeGreaterThan(100);
    // In the middle of a handshake when its packets began to go to another node: that one knows nothing of it.
    const cut = failed.filter(({ why }) => why === 'ECONNRESET');
    expect(failed.filter((one) => !cut.includes(one))).toEqual([]);
    expect(cut.length).toBeLessThanOrEqual(NODES.length);
    expect(roll.disputed()).toEqual([]);
  });

  it('does not notice that the key of the heartbeats is another one, and neither does whoever starts afterwards', async () => {
    const before = await theOwner();
    const away = NODES.find((node) => node !== before) ?? '';
    await stopAgent(lab.id, away);
    const asked = roll.answers().length;
    const key = randomBytes(32).toString('base64');
    await lab.cluster
      .resource('Secret')
      .patch({ name: HEARTBEAT_SECRET, namespace: 'kube-system' }, { data: { key } }, { type: 'merge' });
    // It is signed with ten seconds after it was seen.
    await delay(12_000);
    const during = roll.answers().slice(asked, -3).flat().map(nodeOf);
    expect(new Set(during)).toEqual(new Set([before]));
    // One that begins knows no other key, and one that was away during the change no newer one.
    const began = NODES.find((node) => node !== before && node !== away) ?? '';
    await stopAgent(lab.id, began);
    for (const node of [began, away]) {
      await startAgent(lab.id, node);
      await present(node);
    }
    await delay(1000);
    process.kill(agentPid(lab, before), 'SIGKILL');
    const next = await theOwner(before);
    await startAgent(lab.id, before);
    await present(before);
    await delay(1000);
    expect(owner()).toBe(next);
    expect(roll.disputed()).toEqual([]);
  });

  it('stays where it is while every core has more to do than it can', async () => {
    const before = await theOwner();
    const asked = roll.answers().length;
    const loops = Array.from({ length: 2 * cpus().length }, (_, i) => `busy-${i + 1}`);
    try {
      for (const name of loops) await ensureDaemon(lab.paths, { name, argv: ['sh', '-c', 'while :; do :; done'] });
      await delay(10_000);
    } finally {
      for (const name of loops) await stopDaemon(lab.paths, name, { graceMs: 0 });
    }
    expect(new Set(roll.answers().slice(asked).flat().map(nodeOf))).toEqual(new Set([before]));
  });
});

describe('a hundred addresses on one node', () => {
  it('are all somewhere else when its power is cut, each of them once', async () => {
    const first = await theOwner();
    const others = NODES.filter((node) => node !== first);
    for (const node of others) await stopAgent(lab.id, node);
    for (const [i, address] of MANY.entries())
      await lab.cluster.resource('Service').create({
        metadata: { name: `many-${i}`, namespace: 'default', annotations: { [KEY.loadBalancerIPs]: address } },
        spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
      });
    const all = await eventually(
      () => held(first),
      ({ length }) => length === MANY.length,
    );
    expect(all).toEqual(MANY);
    for (const node of others) {
      await startAgent(lab.id, node);
      await present(node);
    }
    await delay(2000);
    await powerOff(lab.id, first);
    await theOwner(first);
    expect(
      await eventually(
        () => silent(MANY),
        (list) => list.length === 0,
        1,
      ),
    ).toEqual([]);
    const elsewhere = await Promise.all(others.map(held));
    expect(elsewhere.flat().sort()).toEqual([...MANY].sort());
    expect(
      await eventually(
        () => failures(10),
        (count) => count === 0,
        1,
      ),
    ).toBe(0);
    await powerOn(lab.id, first);
    await present(first);
  });
});

describe('what is left', () => {
  it(
    'of three nodes serves every address when two of them and the API server are gone',
    { timeout: 300_000 },
    async () => {
      // What the last one is to serve with.
      expect((await eventually(serving, (nodes) => NODES.every((node) => nodes.includes(node)))).sort()).toEqual(NODES);
      const first = await theOwner();
      const [second = '', last = ''] = NODES.filter((node) => node !== first);
      await stopDaemon(lab.paths, 'api', { graceMs: 0 });
      await Promise.all([powerOff(lab.id, first), powerOff(lab.id, second)]);
      expect(await theOwner(first)).toBe(last);
      const unserved = await eventually(
        () => silent(MANY),
        (list) => list.length === 0,
        1,
      );
      expect(unserved, unserved.length === 0 ? '' : await account(last)).toEqual([]);
      expect(
        await eventually(
          () => failures(10),
          (count) => count === 0,
          1,
        ),
      ).toBe(0);
      // Nor later, when everything that has a time has had it.
      await delay(12_000);
      expect(await failures(30)).toBe(0);
      expect(await silent(MANY)).toEqual([]);
      expect(roll.disputed()).toEqual([]);
    },
  );
});

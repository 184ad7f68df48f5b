/**
 * From owners by Lease to owners by heartbeat, agent after agent as an update does it, and back to what Leases can do where
 * a firewall stands between the agents. Every node is listened to all the time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agent } from '../../src/lab/cluster-daemons.ts';
import { ensureDaemon } from '../../src/lab/daemons.ts';
import { powerOff, powerOn, stopAgent } from '../../src/lab/faults.ts';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { requireState } from '../../src/lab/state.ts';
import { ip } from '../../src/model/ip.ts';
import { agentPid } from '../support/agent-process.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { callTheRoll, type RollCall } from '../support/roll-call.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIP = '10.77.0.200';
/** Questions of half a second, but for those whose answer may be under way. */
const [RECENT, UNDER_WAY] = [28, 3];

let lab: TestLab;
let roll: RollCall;
let stopRoll = (): void => undefined;

const nodeOf = (mac: string): string => NODES.find((node) => nodeAddresses(node).mac === mac) ?? mac;
/** The one that answers now, and alone. */
const owner = (): string | undefined => {
  const last = roll.answers().slice(-RECENT, -UNDER_WAY);
  const macs = new Set(last.flat());
  return last.every(({ length }) => length === 1) && macs.size === 1 ? nodeOf([...macs][0] ?? '') : undefined;
};
const theOwner = async (unless?: string): Promise<string> => {
  const node = await eventually(owner, (one) => one !== undefined && one !== unless);
  expect(node).toBeDefined();
  expect(node).not.toBe(unless);
  return node ?? '';
};
const served = async (): Promise<void> =>
  expect(await eventually(() => lab.curl('laptop', `http://${VIP}/`), Boolean)).toBeDefined();
const status = async (): Promise<string> => (await lab.kubevip('status')).stdout;

/** As a DaemonSet does it when its settings have changed. */
async function restart(node: string, election: 'heartbeat' | 'lease'): Promise<void> {
  await stopAgent(lab.id, node);
  await start(node, election);
}
async function start(node: string, election: 'heartbeat' | 'lease'): Promise<void> {
  const state = requireState(lab.paths);
  await ensureDaemon(lab.paths, agent(lab.paths, { ...state, options: { ...state.options, election } }, node));
  const presence = { name: `kubevip-node-${node}`, namespace: 'kube-system' };
  await eventually(
    async () => (await lab.cluster.resource('Lease').find(presence))?.spec?.holderIdentity,
    (holder) => holder === node,
  );
}

beforeAll(async () => {
  lab = await startLab({
    election: 'lease',
    ipv6: false,
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
  });
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': `${VIP}-${VIP}` });
  const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80');
  expect(exposed.code, exposed.stderr).toBe(0);
  roll = callTheRoll(netnsOf(lab.paths, 'laptop'), ip(VIP));
  stopRoll = () => roll.stop();
  await theOwner();
}, 120_000);
afterAll(async () => {
  stopRoll();
  await lab[Symbol.asyncDispose]();
});

describe('kubevip_election=lease', () => {
  it('moves an address when the Lease of its node has run out, and no two ever answer', async () => {
    const before = await theOwner();
    await powerOff(lab.id, before);
    const next = await theOwner(before);
    await served();
    await powerOn(lab.id, before);
    await delay(2000);
    expect(owner()).toBe(next);
    expect(roll.disputed()).toEqual([]);
  });

  it('hands over when an agent ends, and what comes back pulls nothing back', async () => {
    const before = await theOwner();
    await stopAgent(lab.id, before);
    const next = await theOwner(before);
    await start(before, 'lease');
    await delay(1000);
    expect(owner()).toBe(next);
    expect(roll.disputed()).toEqual([]);
  });
});

describe('agents that are updated one after the other from Leases to heartbeats', () => {
  it('have one owner of an address all the time, also when it dies half-way', async () => {
    const first = await theOwner();
    const [second = '', third = ''] = NODES.filter((node) => node !== first);
    // One that elects through the Leases owns it, and is left alone.
    await restart(second, 'heartbeat');
    await delay(2000);
    expect(owner()).toBe(first);
    expect(await eventually(status, (text) => text.includes('ElectionsDiffer'), 3)).toContain('ElectionsDiffer');
    process.kill(agentPid(lab, first), 'SIGKILL');
    const next = await theOwner(first);
    await start(first, 'heartbeat');
    await delay(1500);
    expect(owner()).toBe(next);
    await restart(third, 'heartbeat');
    const last = await theOwner();
    await delay(4000);
    expect(owner()).toBe(last);
    await served();
    expect(roll.disputed()).toEqual([]);
    const told = await eventually(status, (text) => !text.includes('PROBLEMS'), 3);
    expect(told).not.toContain('PROBLEMS');
  });

  it('find a dead owner without its Lease afterwards', async () => {
    const before = await theOwner();
    const asked = roll.answers().length;
    process.kill(agentPid(lab, before), 'SIGKILL');
    await theOwner(before);
    const gap = roll
      .answers()
      .slice(asked)
      .map(({ length }) => (length === 0 ? '-' : 'x'))
      .join('');
    // Two seconds of silence: a Lease takes five.
    expect(gap).not.toMatch(/-{100}/);
    await start(before, 'heartbeat');
    expect(roll.disputed()).toEqual([]);
  });
});

describe('a firewall between the agents', () => {
  const wall = async (node: string, up: boolean): Promise<void> => {
    const rules = 'table inet wall { chain input { type filter hook input priority 0; udp dport 10471 drop; }; }';
    const { code, stderr } = await lab.on(node, 'nft', ...(up ? [rules] : ['delete table inet wall']));
    expect(code, stderr).toBe(0);
  };

  it('leaves one owner, by its Lease, that is followed in the time of a Lease, and is told with what to do', async () => {
    await Promise.all(NODES.map((node) => wall(node, true)));
    await delay(3000);
    const before = await theOwner();
    const told = await eventually(status, (text) => text.split('AgentNotHeard').length > 3, 3);
    for (const node of NODES) expect(told).toMatch(new RegExp(`${node}: AgentNotHeard`));
    expect(told).toContain('ufw allow 10471/udp');
    expect(owner()).toBe(before);
    const asked = roll.answers().length;
    process.kill(agentPid(lab, before), 'SIGKILL');
    await theOwner(before);
    await served();
    expect((roll.answers().length - asked) * 20).toBeLessThan(20_000);
    await start(before, 'heartbeat');
  });

  it('that is taken away leaves one owner as well', async () => {
    await Promise.all(NODES.map((node) => wall(node, false)));
    await delay(1000);
    const node = await theOwner();
    await delay(2000);
    expect(owner()).toBe(node);
    expect(await eventually(status, (text) => !text.includes('PROBLEMS'), 3)).not.toContain('PROBLEMS');
    await served();
  });
});

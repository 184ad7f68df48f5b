/** Agents that are killed or frozen while they hold addresses: all nodes are listened to, all the time. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent } from '../../src/lab/faults.ts';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { ip } from '../../src/model/ip.ts';
import { agentPid } from '../support/agent-process.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { callTheRoll, type RollCall } from '../support/roll-call.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIPS = ['10.77.0.200', '2001:db8:77::200'];

let lab: TestLab;
/** One for each address. */
let rolls: RollCall[] = [];

const nodeOf = (mac: string): string => NODES.find((node) => nodeAddresses(node).mac === mac) ?? mac;
/** The node that answered last, the same for both addresses; undefined while they are not together. */
const holder = (): string | undefined => {
  const [v4, v6] = rolls.map((roll) => roll.holders().at(-1));
  return v4 !== undefined && v4 === v6 ? nodeOf(v4) : undefined;
};
const hasAddress = async (node: string): Promise<boolean> => {
  const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
  return VIPS.some((vip) => stdout.includes(` ${vip}/`));
};
const pages = (): Promise<(string | undefined)[]> =>
  Promise.all([lab.curl('laptop', `http://${VIPS[0]}/`), lab.curl('laptop', `http://[${VIPS[1]}]/`)]);
const served = (all: (string | undefined)[]): boolean => all.every(Boolean);

beforeAll(async () => {
  lab = await startLab({ dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': VIPS.map((vip) => `${vip}-${vip}`).join() });
  const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--family', 'dual');
  expect(exposed.code, exposed.stderr).toBe(0);
  rolls = VIPS.map((vip) => callTheRoll(netnsOf(lab.paths, 'laptop'), ip(vip)));
  await eventually(holder, Boolean);
}, 120_000);
afterAll(async () => {
  for (const roll of rolls) roll.stop();
  await lab[Symbol.asyncDispose]();
});

/** Another node has both addresses, the first one has lost them, and traffic flows. */
async function movedFrom(before: string): Promise<void> {
  expect(await eventually(holder, (node) => node !== undefined && node !== before)).not.toBe(before);
  expect(
    await eventually(
      () => hasAddress(before),
      (there) => !there,
      5,
    ),
  ).toBe(false);
  expect(await eventually(pages, served)).toSatisfy(served);
}

/** Each question was answered by one machine at most, in both families. */
async function neverTwo(): Promise<void> {
  await delay(3000);
  expect(rolls.map((roll) => roll.disputed())).toEqual([[], []]);
  expect(await pages()).toSatisfy(served);
}

describe('the agent that holds addresses', () => {
  it('killed (SIGKILL) is silent, its node loses the addresses, another serves them, and no two ever answer', async () => {
    const before = holder() ?? '';
    process.kill(agentPid(lab, before), 'SIGKILL');
    await movedFrom(before);
    await startAgent(lab.id, before);
    await neverTwo();
  });

  it('frozen (SIGSTOP) is silent, its node loses the addresses, and thawed it disturbs nobody: no two ever answer', async () => {
    const before = holder() ?? '';
    const pid = agentPid(lab, before);
    process.kill(pid, 'SIGSTOP');
    try {
      await movedFrom(before);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await neverTwo();
  });
});

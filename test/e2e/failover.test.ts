/**
 * Owners by heartbeat while the switch loses what the nodes say to each other, and carries it again. How soon one of two
 * owners gives up is the bench's question (`npm run bench -- failover heal`); here it is who answers in the end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callRolls, type Rolls } from '../../bench/failover/two-owners.ts';
import { setCuts } from '../../src/lab/faults.ts';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { ip } from '../../src/model/ip.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const NODES = ['n1', 'n2', 'n3'];
const [VIP, VIP6] = [ip('10.77.0.200'), ip('2001:db8:77::200')];
/** Long enough for whoever has something to say to have said it. */
const QUIET_MS = 1500;

let lab: TestLab;
let rolls: Rolls;

/** All that answered lately, both families in one; sorted. */
const holders = (sinceMs = 500): string[] => {
  const since = performance.now() - sinceMs;
  const macs = rolls.all.flatMap((roll) =>
    roll
      .answers()
      .filter((_, i) => (roll.times()[i] ?? 0) >= since)
      .flat(),
  );
  return NODES.filter((node) => macs.some((mac) => mac === nodeAddresses(node).mac));
};
const theHolder = async (unless?: string): Promise<string> => {
  const [node = '', ...more] = await eventually(
    () => holders(),
    ([first, second]) => first !== undefined && second === undefined && first !== unless,
  );
  expect(more).toEqual([]);
  expect(node).not.toBe('');
  return node;
};
const served = async (): Promise<void> => {
  const pages = (): Promise<(string | undefined)[]> =>
    Promise.all([lab.curl('laptop', `http://${VIP}/`), lab.curl('laptop', `http://[${VIP6}]/`)]);
  const all = (texts: (string | undefined)[]): boolean => texts.every(Boolean);
  expect(await eventually(pages, all)).toSatisfy(all);
};
const hasAddress = async (node: string): Promise<boolean> => {
  const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
  return [VIP, VIP6].some((vip) => stdout.includes(` ${vip}/`));
};
/** One node has the addresses, and went on having them while everybody had time to object. */
const settled = async (unless?: string): Promise<string> => {
  const node = await theHolder(unless);
  await delay(QUIET_MS);
  expect(holders(QUIET_MS)).toEqual([node]);
  for (const other of NODES.filter((name) => name !== node))
    expect(
      await eventually(
        () => hasAddress(other),
        (there) => !there,
        5,
      ),
    ).toBe(false);
  await served();
  return node;
};

beforeAll(async () => {
  lab = await startLab({
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
    election: 'heartbeat',
  });
  await lab.deployment('web', 3);
  await lab.cluster.resource('ConfigMap').create({
    metadata: { name: 'kubevip', namespace: 'kube-system' },
    data: { 'range-global': `${VIP}-${VIP},${VIP6}-${VIP6}` },
  });
  const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--family', 'dual');
  expect(exposed.code, exposed.stderr).toBe(0);
  rolls = callRolls({ paths: lab.paths, vip: VIP, vip6: VIP6 });
  await settled();
}, 120_000);
afterAll(async () => {
  rolls.stop();
  await lab[Symbol.asyncDispose]();
});

describe('a switch that loses', () => {
  it('everything between the owner and the others: each side has an owner, and one is left when it is whole again', async () => {
    const before = await theHolder();
    const others = NODES.filter((node) => node !== before);
    await setCuts(lab.id, [
      { from: [before], to: others },
      { from: others, to: [before] },
    ]);
    try {
      const both = (nodes: string[]): boolean => nodes.includes(before) && nodes.length === 2;
      expect(await eventually(() => holders(200), both)).toSatisfy(both);
    } finally {
      await setCuts(lab.id, []);
    }
    await settled();
  });

  it.each([
    ['what the owner says: another has the addresses, and keeps them', 'unheard'],
    ['what the owner would hear: one has the addresses', 'deaf'],
  ])('%s', async (_, kind) => {
    const before = await theHolder();
    const others = NODES.filter((node) => node !== before);
    await setCuts(lab.id, [kind === 'unheard' ? { from: [before], to: others } : { from: others, to: [before] }]);
    try {
      await settled(kind === 'unheard' ? before : undefined);
    } finally {
      await setCuts(lab.id, []);
    }
    await settled();
  });
});

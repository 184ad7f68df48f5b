/**
 * What a dead node leaves behind besides its addresses: pods that EndpointSlices still list. Kubernetes is given a minute
 * here to find out, so that whatever works before that is our doing. And a node that is handed over before it goes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff } from '../../src/lab/faults.ts';
import { holderOf } from '../../src/model/lease.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIP = '10.77.0.200';
const URL = `http://${VIP}/`;

let lab: TestLab;

const owner = async (): Promise<string | undefined> =>
  holderOf(await lab.cluster.resource('Lease').find({ name: 'kubevip-10-77-0-200', namespace: 'kube-system' }));
/** New connections, one after the other: who answered, or `failed` within half a second. */
async function connects(times: number): Promise<string[]> {
  const { stdout } = await lab.on(
    'laptop',
    'sh',
    '-c',
    `for i in $(seq ${times}); do curl --silent --fail --connect-timeout 0.5 --max-time 1 ${URL} || echo failed; done`,
  );
  return stdout.trim().split('\n');
}
const servedBy = (answers: readonly string[]): string[] =>
  NODES.filter((node) => answers.some((answer) => answer.endsWith(` on ${node}`)));
const detours = async (node: string): Promise<boolean> =>
  (await lab.on(node, 'nft', 'list', 'tables')).stdout.includes('table ip kubevip');

beforeAll(async () => {
  lab = await startLab({
    ipv6: false,
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
    nodeGraceMs: 60_000,
  });
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': `${VIP}-${VIP}` });
  const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80');
  expect(exposed.code, exposed.stderr).toBe(0);
  expect(
    servedBy(
      await eventually(
        () => connects(20),
        (answers) => servedBy(answers).length === 3,
      ),
    ),
  ).toEqual(NODES);
}, 120_000);
afterAll(() => lab[Symbol.asyncDispose]());

describe('handing over a node', () => {
  it('moves its address, keeps it away, and says where it went; undone, nothing is pulled back', async () => {
    const before = (await owner()) ?? '';
    const refused = await lab.kubevip('handover', 'n9');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Its nodes are n1, n2, n3.')]);

    const { code, stdout, stderr } = await lab.kubevip('handover', before, '--json');
    expect(code, stderr).toBe(0);
    const { result } = JSON.parse(stdout) as {
      result: { moved: { address: string; services: string[]; to: string }[] };
    };
    expect(result.moved).toMatchObject([{ address: VIP, services: ['default/web'] }]);
    const after = result.moved[0]?.to;
    expect(after).not.toBe(before);
    expect(await owner()).toBe(after);
    expect(await connects(10)).not.toContain('failed');
    expect((await lab.kubevip('status')).stdout).toMatch(new RegExp(`${before} +handed-over`));
    const told = await eventually(
      async () => (await lab.kubevip('status')).stdout,
      (text) => text.includes('FAILOVER'),
    );
    expect(told).toMatch(new RegExp(`handed over +${before} +${after} +1 `));

    expect((await lab.kubevip('handover', before, '--undo')).code).toBe(0);
    expect(await connects(5)).not.toContain('failed');
    expect(await owner()).toBe(after);
  });
});

describe('a power cut, and nobody has told Kubernetes', () => {
  it('costs no connection once the death is known', async () => {
    const first = (await owner()) ?? '';
    await powerOff(lab.id, first);
    await eventually(owner, (node) => node !== first);
    const second = (await owner()) ?? '';
    const third = NODES.find((node) => node !== first && node !== second) ?? '';
    expect(await eventually(() => detours(second), Boolean)).toBe(true);
    const answers = await connects(30);
    expect(answers).not.toContain('failed');
    expect(servedBy(answers)).toEqual([second, third].sort());
  });
});

/** A Service deleted past our finalizer while no agent ran: whoever gives out addresses next cleans up the router. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, stopAgent } from '../../src/lab/faults.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const NODES = ['n1', 'n2'];
const WEB = { name: 'web', namespace: 'default' };

let lab: TestLab;

beforeAll(async () => {
  // Only UPnP mappings bear a mark.
  lab = await startLab({ nodes: 2, dhcp: { enabled: false }, upnp: { natPmp: false, pcp: false } });
  await lab.deployment('web', 2);
  await lab.pools({ 'range-global': '10.77.0.200-10.77.0.209' });
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

describe('a mapping that nobody remembers', () => {
  it('is removed from a router in secure mode by the next agent, and the address it led to is on no node', async () => {
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--router', '8080');
    expect(exposed.code, exposed.stderr).toBe(0);
    const mappings = async (): Promise<string[]> =>
      (await lab.on('router', 'nft', 'list', 'ruleset')).stdout.match(/.*dnat.*10\.77\.0\.200.*/g) ?? [];
    expect(await mappings()).toHaveLength(1);

    for (const node of NODES) await stopAgent(lab.id, node, { kill: true });
    const services = lab.cluster.resource('Service');
    await services.patch(WEB, { metadata: { finalizers: null } }, { type: 'merge' });
    await services.delete(WEB);
    expect(await mappings()).toHaveLength(1);

    for (const node of NODES) await startAgent(lab.id, node);
    expect(await eventually(mappings, (left) => left.length === 0)).toEqual([]);
    const holders = async (): Promise<string[]> => {
      const all = await Promise.all(NODES.map((node) => lab.on(node, 'ip', '-o', 'addr')));
      return NODES.filter((_, i) => all[i]?.stdout.includes(' 10.77.0.200/'));
    };
    expect(await eventually(holders, (nodes) => nodes.length === 0)).toEqual([]);
  });
});

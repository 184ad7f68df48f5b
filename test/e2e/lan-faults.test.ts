/** What happens around the agents: the API server, the router, the DHCP server and the network cards come and go. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopDaemon } from '../../src/lab/daemons.ts';
import { rebootRouter, setLanCable, startAgent, stopAgent } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { ip } from '../../src/model/ip.ts';
import { CONDITION, KEY } from '../../src/model/annotations.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { callTheRoll } from '../support/roll-call.ts';

const OPTIONS: LabOptionsInput = { dhcp: { pingCheck: false, leaseTime: '2m' } };
const OUTSIDE = 'http://192.0.1.2:8080/';

let lab: TestLab;

const service = async (name: string): Promise<Service | undefined> =>
  await lab.cluster.resource('Service').find({ name, namespace: 'default' });
const ipOf = async (name: string): Promise<string> =>
  (await service(name))?.status?.loadBalancer?.ingress?.[0]?.ip ?? '';
const ownerOf = async (name: string): Promise<string> =>
  (await service(name))?.metadata.annotations?.[KEY.vipHost] ?? '';
const isReady = async (name: string): Promise<boolean> =>
  (await service(name))?.status?.conditions?.some(
    ({ type, status }) => type === CONDITION.ready && status === 'True',
  ) === true;
const page = (url: string, host = 'laptop'): Promise<string | undefined> => lab.curl(host, url);
const answers = async (url: string, host?: string): Promise<void> => {
  expect(await eventually(() => page(url, host), Boolean)).toBeDefined();
};
/** Asks with a small pause between; @returns how often nothing came back. */
const lostDuring = async (url: string, work: Promise<unknown>): Promise<number> => {
  let [done, lost] = [false, 0];
  void work.finally(() => (done = true));
  while (!done) if ((await page(url)) === undefined) lost++;
  await work;
  return lost;
};
const seconds = (n: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, n * 1000));

beforeAll(async () => {
  lab = await startLab(OPTIONS);
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': '10.77.0.200-10.77.0.209' });
  for (const args of [
    ['--name', 'pool', '--router', '8080', '--mdns', 'pool'],
    ['--name', 'lease', '--dhcp'],
  ]) {
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', ...args);
    expect(exposed.code, exposed.stderr).toBe(0);
  }
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

describe('with the API server away', () => {
  it('addresses keep answering from where they are, and changes made afterwards arrive', async () => {
    const vip = await ipOf('pool');
    const owner = await ownerOf('pool');
    const roll = callTheRoll(netnsOf(lab.paths, 'laptop'), ip(vip));
    try {
      await stopDaemon(lab.paths, 'api');
      expect(await lostDuring(`http://${vip}/`, seconds(20))).toBe(0);
      await labUp(lab.id, OPTIONS);
      expect(await lostDuring(`http://${vip}/`, seconds(5))).toBe(0);
      expect(roll.disputed()).toEqual([]);
      expect(roll.holders()).toEqual([nodeAddresses(owner).mac]);
    } finally {
      roll.stop();
    }
    expect(await ownerOf('pool')).toBe(owner);
    const late = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--name', 'late');
    expect(late.code, late.stderr).toBe(0);
    expect((await lab.kubevip('unexpose', 'late')).code).toBe(0);
  });
});

describe('the network card of the owner', () => {
  it('unplugged: another node takes the address at once, and the first one is no rival when plugged in again', async () => {
    const [vip, owner] = [await ipOf('pool'), await ownerOf('pool')];
    const roll = callTheRoll(netnsOf(lab.paths, 'laptop'), ip(vip));
    try {
      await setLanCable(lab.id, owner, false);
      const others = async (): Promise<boolean> => ![owner, ''].includes(await ownerOf('pool'));
      expect(await eventually(others, Boolean)).toBe(true);
      await answers(`http://${vip}/`);
      await setLanCable(lab.id, owner, true);
      await seconds(3);
      expect(roll.disputed()).toEqual([]);
      expect(roll.holders().at(-1)).toBe(nodeAddresses(await ownerOf('pool')).mac);
    } finally {
      roll.stop();
    }
    await answers(OUTSIDE, 'internet');
    expect(await eventually(() => isReady('pool'), Boolean)).toBe(true);
  });

  it('renamed: another node serves meanwhile, and this one announces by the new name when it is its turn', async () => {
    const [vip, owner] = [await ipOf('pool'), await ownerOf('pool')];
    const others = ['n1', 'n2', 'n3'].filter((node) => node !== owner);
    // A card has to be down for that.
    const rename = async (from: string, to: string): Promise<void> => {
      await lab.on(owner, 'ip', 'link', 'set', 'dev', from, 'down');
      await lab.on(owner, 'ip', 'link', 'set', 'dev', from, 'name', to, 'up');
      await lab.on(owner, 'ip', 'route', 'replace', 'default', 'via', '10.77.0.1', 'dev', to);
    };
    await rename('eth0', 'lan0');
    try {
      await answers(`http://${vip}/`);
      for (const node of others) await stopAgent(lab.id, node);
      const message = async (): Promise<string> =>
        (await service('pool'))?.status?.conditions?.find(({ type }) => type === CONDITION.announcement)?.message ?? '';
      expect(await eventually(message, (text) => text.includes('on lan0'))).toContain('on lan0');
      await answers(`http://${vip}/`);
    } finally {
      for (const node of others) await startAgent(lab.id, node);
      await rename('lan0', 'eth0');
    }
    await answers(`http://${vip}/`);
    await answers(OUTSIDE, 'internet');
  });
});

describe('the router', () => {
  it('rebooted: the mapping is made again, the lease is kept', async () => {
    const leased = await ipOf('lease');
    await rebootRouter(lab.id, { leases: true, downMs: 3000 });
    await answers(OUTSIDE, 'internet');
    expect(await ipOf('lease')).toBe(leased);
    await answers(`http://${leased}/`);
  });

  it('replaced by another gateway: the port is opened on the one that the nodes route to', async () => {
    // A second address of the router is another gateway to the nodes.
    await lab.on('router', 'ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'eth0');
    for (const node of ['n1', 'n2', 'n3']) await lab.on(node, 'ip', 'route', 'replace', 'default', 'via', '10.77.0.2');
    const gateway = async (): Promise<string> =>
      (await service('pool'))?.status?.conditions?.find(({ type }) => type === CONDITION.router)?.message ?? '';
    expect(await eventually(gateway, (text) => text.includes('10.77.0.2'))).toContain('10.77.0.2');
    for (const node of ['n1', 'n2', 'n3']) await lab.on(node, 'ip', 'route', 'replace', 'default', 'via', '10.77.0.1');
    expect(await eventually(gateway, (text) => text.includes('router 10.77.0.1'))).toContain('router 10.77.0.1');
    await answers(OUTSIDE, 'internet');
  });
});

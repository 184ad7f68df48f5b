/** A node whose interface is copied to a cable, and a machine at its other end that listens. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCable } from '../../../src/lab/netns.ts';
import { createMirrorTable } from '../../../src/linux/mirror-table.ts';
import { createNetwork } from '../../../src/linux/network.ts';
import { ownTables, removeOwnTables } from '../../../src/linux/own-traces.ts';
import { createLan, eventually, type Lan } from '../../support/netns.ts';

let lan: Lan<'node' | 'lap' | 'tap'>;
let heard: () => string;

const table = () => createMirrorTable({ netns: lan.hosts.node.netns });
function copying() {
  const network = createNetwork({ netns: lan.hosts.node.netns });
  const [from, to] = ['eth0', 'mir0'].map((wanted) => network.links().find(({ name }) => name === wanted));
  network.close();
  return { from: from!, to: to! };
}
/** Of a ping, question and answer. */
async function copies(): Promise<{ questions: number; answers: number; arrived: boolean }> {
  const before = heard().length;
  const { code } = await lan.hosts.lap.run(['ping', '-c', '2', '-i', '0.2', '-W', '2', lan.hosts.node.ip]);
  // One more that is always heard: it says that all before it has been.
  await lan.hosts.node.must([process.execPath, '-e', MARK]);
  await eventually('the mark', () => heard().slice(before).includes('10.99.0.255.9'));
  const lines = heard().slice(before).split('\n');
  const count = (word: string): number => lines.filter((line) => line.includes(word)).length;
  return { questions: count('echo request'), answers: count('echo reply'), arrived: code === 0 };
}

/** Writes a line for each frame that comes. */
const EARS = ['tcpdump', '--immediate-mode', '-lneti', 'cable', 'icmp or udp'];
/** Straight into the cable, whatever is copied. */
const MARK = `
const u = require('node:dgram').createSocket('udp4');
u.bind(() => { u.setBroadcast(true); u.send('?', 9, '10.99.0.255', () => u.close()); });
`;

beforeAll(async () => {
  lan = await createLan({ nodes: ['node', 'lap', 'tap'] });
  await cable();
  const ears = lan.hosts.tap.daemon(EARS);
  heard = () => ears.log();
  await eventually('ears', () => ears.log().includes('listening'));
});
afterAll(() => lan.dispose());

async function cable(): Promise<void> {
  const { node, tap } = lan.hosts;
  await createCable(
    { netns: node.netns, name: 'mir0', mac: '02:99:00:00:00:01' },
    { netns: tap.netns, name: 'cable', mac: '02:99:00:00:00:02' },
  );
  await node.ip8('link set mir0 up', 'addr add 10.99.0.1/24 broadcast 10.99.0.255 dev mir0');
  await tap.ip8('link set cable up');
}

describe('the traffic of an interface', () => {
  beforeEach(() => table().set(undefined));

  it('is copied in both directions, still arrives, and is not copied before and after', async () => {
    expect(await copies()).toEqual({ questions: 0, answers: 0, arrived: true });
    const one = table();
    await one.set(copying());
    expect(await copies()).toEqual({ questions: 2, answers: 2, arrived: true });
    await one.set(undefined);
    expect(await copies()).toEqual({ questions: 0, answers: 0, arrived: true });
    expect(await ownTables(lan.hosts.node.netns)).toEqual([]);
  });

  it('goes on being copied when it is set again, and is put back when it was flushed', async () => {
    const { node } = lan.hosts;
    const one = table();
    await one.set(copying());
    const left = async () =>
      Number(
        /expires (?:(\d+)s)?/.exec(await node.must(['nft', 'list', 'set', 'netdev', 'kubevip-mirror', 'alive']))?.[1] ??
          0,
      );
    await eventually('time that has passed', async () => (await left()) < 19);
    await one.set(copying());
    expect(await left()).toBeGreaterThanOrEqual(19);
    expect(await copies()).toEqual({ questions: 2, answers: 2, arrived: true });
    await removeOwnTables(node.netns);
    expect(await copies()).toMatchObject({ questions: 0 });
    await one.set(copying());
    expect(await copies()).toEqual({ questions: 2, answers: 2, arrived: true });
  });

  it('ends by itself without an agent: what stands for it runs out', async () => {
    const { node } = lan.hosts;
    await table().set(copying());
    await node.must(['nft', 'delete', 'element', 'netdev', 'kubevip-mirror', 'alive', '{ "eth0" }']);
    expect(await copies()).toEqual({ questions: 0, answers: 0, arrived: true });
  });

  it('goes to an interface that was made anew', async () => {
    const one = table();
    await one.set(copying());
    const before = copying().to.index;
    await lan.hosts.node.ip8('link del mir0');
    await cable();
    expect(copying().to.index).not.toBe(before);
    const ears = lan.hosts.tap.daemon(EARS);
    heard = () => ears.log();
    await eventually('ears', () => ears.log().includes('listening'));
    await one.set(copying());
    expect(await copies()).toEqual({ questions: 2, answers: 2, arrived: true });
  });
});

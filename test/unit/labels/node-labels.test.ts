import { describe, expect, it } from 'vitest';
import { addressesLabel, isServiceLabel, serviceLabel } from '../../../src/exposure/labels/names.ts';
import { createNodeLabels } from '../../../src/exposure/labels/node-labels.ts';
import type { Labels } from '../../../src/exposure/labels/port.ts';
import { serviceLabels } from '../../../src/exposure/labels/service-labels.ts';
import { createNodeLabelStore } from '../../../src/kube/node-label-store.ts';
import { ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { servedService } from '../../support/service-world.ts';

describe('names of labels', () => {
  it('are kube-vip’s, and always fit', () => {
    expect(serviceLabel('default/web')).toBe('service-provided.kube-vip.io/web.default');
    const long = serviceLabel(`${'n'.repeat(63)}/${'s'.repeat(63)}`);
    expect(long.split('/')[1]).toMatch(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/);
    expect(serviceLabel(`${'n'.repeat(62)}/${'s'.repeat(63)}`)).not.toBe(long);
  });

  it('hold addresses of both families', () => {
    const value = addressesLabel([ip('10.0.0.9'), ip('2001:db8::9')]);
    expect(value).toBe('10.0.0.9_20010db8000000000000000000000009');
    expect(value).toMatch(/^[A-Za-z0-9._-]{1,63}$/);
  });

  it('tell of what this node has of each Service', () => {
    const services = [servedService('web', ['10.0.0.9', 'fd00::9']), servedService('other', ['10.0.0.10'])];
    expect(serviceLabels(services, (one) => one === '10.0.0.9')).toEqual({
      'service-provided.kube-vip.io/web.default': '10.0.0.9',
    });
  });
});

const WEB = serviceLabel('default/web');
const OLD = serviceLabel('default/old');

function setup({ enabled = true, leader = true } = {}) {
  const clock = createFakeClock();
  const nodes = new Map<string, Record<string, string>>([
    ['n1', { role: 'edge', [OLD]: '10.0.0.8' }],
    ['dead', { role: 'edge', [OLD]: '10.0.0.8' }],
    ['alive', { [OLD]: '10.0.0.8' }],
  ]);
  const patches: [string, Labels][] = [];
  const told: string[] = [];
  const world = { wanted: undefined as Record<string, string> | undefined, refuses: false };
  const labels = createNodeLabels({
    node: 'n1',
    clock,
    enabled,
    isOurs: isServiceLabel,
    wanted: () => world.wanted,
    cleans: (node) => leader && node === 'dead',
    store: {
      read: () => Promise.resolve(new Map(nodes)),
      patch: (node, patch) => {
        if (world.refuses) return Promise.reject(new Error('may not patch nodes'));
        patches.push([node, patch]);
        const kept = Object.entries({ ...nodes.get(node), ...patch }).filter(([, value]) => value !== undefined);
        nodes.set(node, Object.fromEntries(kept) as Record<string, string>);
        return Promise.resolve();
      },
    },
    onError: (error) => told.push(String(error)),
  });
  labels.start();
  return { clock, nodes, patches, told, world, labels };
}

describe('labels of nodes', () => {
  it('wait until it is known what they shall be; then stale ones go, those of dead nodes too, and nobody else’s', async () => {
    const { clock, nodes, patches, world, labels } = setup();
    await clock.advanceAsync(5000);
    expect(patches).toEqual([]);
    world.wanted = { [WEB]: '10.0.0.9' };
    await clock.advanceAsync(2000);
    expect(Object.fromEntries(nodes)).toEqual({
      n1: { role: 'edge', [WEB]: '10.0.0.9' },
      dead: { role: 'edge' },
      alive: { [OLD]: '10.0.0.8' },
    });
    const writes = patches.length;
    for (let i = 0; i < 50; i++) labels.changed();
    await clock.advanceAsync(600_000);
    expect(patches).toHaveLength(writes);
  });

  it('change together in one write, and are gone when the agent ends', async () => {
    const { clock, nodes, patches, world, labels } = setup({ leader: false });
    world.wanted = {};
    await clock.advanceAsync(1000);
    const writes = patches.length;
    for (let i = 0; i < 20; i++) {
      world.wanted = { ...world.wanted, [serviceLabel(`default/s${i}`)]: '10.0.0.9' };
      labels.changed();
      await clock.advanceAsync(10);
    }
    await clock.advanceAsync(1000);
    expect(patches).toHaveLength(writes + 1);
    await labels.stop();
    expect([nodes.get('n1'), nodes.get('dead')]).toEqual([{ role: 'edge' }, { role: 'edge', [OLD]: '10.0.0.8' }]);
  });

  it('of an earlier run go once when the feature is off, and a missing right is no matter then', async () => {
    const off = setup({ enabled: false });
    off.world.wanted = { [WEB]: '10.0.0.9' };
    await off.clock.advanceAsync(600_000);
    expect(off.patches).toEqual([['n1', { [OLD]: undefined }]]);
    const barred = setup({ enabled: false });
    Object.assign(barred.world, { wanted: {}, refuses: true });
    await barred.clock.advanceAsync(600_000);
    expect(barred.told).toEqual([]);
  });

  it('say once that they cannot be written, and are tried again', async () => {
    const { clock, nodes, told, world } = setup();
    Object.assign(world, { wanted: { [WEB]: '10.0.0.9' }, refuses: true });
    await clock.advanceAsync(10_000);
    expect(told).toEqual(['Error: may not patch nodes']);
    world.refuses = false;
    await clock.advanceAsync(2000);
    expect(nodes.get('n1')).toEqual({ role: 'edge', [WEB]: '10.0.0.9' });
  });

  it('are written as a merge patch, with null for what goes', async () => {
    const bodies: unknown[] = [];
    const store = createNodeLabelStore({
      nodes: {
        list: () => Promise.reject(new Error('the watch knows')),
        patch: (ref, body, options) => {
          bodies.push([ref, body, options.type]);
          return Promise.resolve({ metadata: { name: 'n1' } });
        },
      },
      known: () => [{ metadata: { name: 'n1', labels: { a: 'b' } } }, { metadata: { name: 'n2' } }],
    });
    expect(Object.fromEntries(await store.read())).toEqual({ n1: { a: 'b' }, n2: {} });
    await store.patch('n1', { [OLD]: undefined, [WEB]: 'x' });
    expect(bodies).toEqual([[{ name: 'n1' }, { metadata: { labels: { [OLD]: null, [WEB]: 'x' } } }, 'merge']]);
  });
});

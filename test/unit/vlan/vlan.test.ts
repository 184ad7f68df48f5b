import { describe, expect, it } from 'vitest';
import { DEFAULT_CLASS_RULES, readIntent } from '../../../src/exposure/intent/intent.ts';
import { createVlanLinks } from '../../../src/exposure/vlan/vlan-links.ts';
import { parseVlan } from '../../../src/exposure/vlan/vlan.ts';
import { KEY } from '../../../src/model/annotations.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const service = (name: string, vlan: string, more: Partial<Service['spec']> = {}, assigned?: string): Service => ({
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    annotations: {
      [KEY.serviceVLAN]: vlan,
      ...(assigned === undefined ? {} : { [KEY.assigned]: JSON.stringify({ ips: [assigned], source: 'explicit' }) }),
    },
  },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...more },
});

describe('kube-vip.io/serviceVLAN', () => {
  it('is an interface and a VLAN', () => {
    expect(parseVlan('eth0.200')).toEqual({ name: 'eth0.200', parent: 'eth0', id: 200 });
    expect(parseVlan('bond0.1.4094')).toEqual({ name: 'bond0.1.4094', parent: 'bond0.1', id: 4094 });
    for (const wrong of ['eth0', 'eth0.0', 'eth0.4095', '.5', 'eth0.x', 'a/b.5', 'enp0s31f6long.100', ''])
      expect(parseVlan(wrong), wrong).toBeUndefined();
  });

  it('names the interface of the addresses, and fails them alone when it cannot be', () => {
    const intent = readIntent(service('web', 'eth0.200'), DEFAULT_CLASS_RULES);
    expect(intent).toMatchObject({ state: 'ready', value: { link: 'eth0.200' } });
    const wrong = readIntent(service('web', 'eth0.5000'), DEFAULT_CLASS_RULES);
    expect(wrong).toMatchObject({
      state: 'ready',
      value: { address: { state: 'failed', reason: 'InvalidAnnotation' } },
    });
  });
});

function setup() {
  const clock = createFakeClock();
  const made = new Set<string>(['eth0.7']);
  const told: string[] = [];
  const world = { services: undefined as Service[] | undefined };
  const vlans = createVlanLinks({
    clock,
    rules: DEFAULT_CLASS_RULES,
    services: () => world.services,
    links: {
      ensure: ({ name, parent }) => {
        if (parent === 'eth9') throw new Error(`this node has no interface eth9 for ${name}`);
        made.add(name);
      },
      owned: () => [...made],
      remove: (name) => void made.delete(name),
    },
    onError: (error) => told.push(String(error)),
  });
  vlans.start();
  return { clock, made, told, world, vlans };
}

describe('interfaces of VLANs', () => {
  it('are there for every Service of ours, shared, and go with the last one', async () => {
    const { clock, made, world, vlans } = setup();
    await clock.advanceAsync(2000);
    expect([...made]).toEqual(['eth0.7']);
    const [a, b] = [service('a', 'eth0.200'), service('b', 'eth0.200')];
    const foreign = service('c', 'eth0.300', { loadBalancerClass: 'other.example/lb' });
    const going = service('d', 'eth0.400', { type: 'ClusterIP' }, '10.0.0.9');
    world.services = [a, b, foreign, going, service('e', 'nonsense')];
    await clock.advanceAsync(2000);
    expect([...made].sort()).toEqual(['eth0.200', 'eth0.400']);
    world.services = [b];
    vlans.changed();
    await clock.advanceAsync(10);
    expect([...made]).toEqual(['eth0.200']);
    world.services = [];
    vlans.changed();
    await clock.advanceAsync(10);
    expect([...made]).toEqual([]);
  });

  it('are made again when somebody deletes them, and none stays at the end', async () => {
    const { clock, made, world, vlans } = setup();
    world.services = [service('a', 'eth0.200')];
    await clock.advanceAsync(1000);
    made.clear();
    await clock.advanceAsync(6000);
    expect([...made]).toEqual(['eth0.200']);
    await vlans.stop();
    expect([...made]).toEqual([]);
  });

  it('do not wait for one that cannot be made, which is told once', async () => {
    const { clock, made, told, world } = setup();
    world.services = [service('x', 'eth9.5'), service('a', 'eth0.200')];
    await clock.advanceAsync(10_000);
    expect([[...made], told]).toEqual([['eth0.200'], ['Error: this node has no interface eth9 for eth9.5']]);
  });
});

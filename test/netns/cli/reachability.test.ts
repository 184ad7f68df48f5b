/** What the CLI can tell of a LAN it is on, and of one it is not on. The peer for names is avahi. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReachability } from '../../../src/cli/reachability.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { LAN, labPaths, netnsOf } from '../../../src/lab/layout.ts';
import { ip } from '../../../src/model/ip.ts';
import { createLan, eventually, type Lan } from '../../support/netns.ts';

describe('TCP from a network namespace', () => {
  let lan: Lan<'laptop' | 'web'>;
  beforeAll(async () => {
    lan = await createLan({ nodes: ['laptop', 'web'] });
    const { web } = lan.hosts;
    web.daemon([process.execPath, '-e', `require('http').createServer((q, s) => s.end('hi')).listen(80, '${web.ip}')`]);
    await eventually('the web server listens', async () => (await web.must(['ss', '-Hltn', 'sport = :80'])) !== '');
  });
  afterAll(() => lan.dispose());

  it('answers over HTTP, refuses, or stays silent', async () => {
    const { laptop, web } = lan.hosts;
    const reach = createReachability(laptop.netns);
    expect(await reach.tcp(ip(web.ip), 80, 2000)).toEqual({ state: 'answers', routed: false, http: { status: 200 } });
    expect((await reach.tcp(ip(web.ip), 81, 2000)).state).toBe('silent');
    expect(await reach.tcp(ip('10.77.0.200'), 80, 500)).toMatchObject({ state: 'silent' });
  });

  it('can tell nothing of an address of another network', async () => {
    const reach = createReachability(lan.hosts.laptop.netns);
    expect(await reach.tcp(ip('10.99.0.1'), 80, 500)).toMatchObject({ state: 'no-route' });
  });

  it('asks for a name nobody has, and for nothing where there is no LAN', async () => {
    expect(await createReachability(lan.hosts.laptop.netns).resolve('nobody.local', 600)).toEqual([]);
    expect(await createReachability(lan.bridge).resolve('nobody.local', 600)).toBeUndefined();
  });
});

describe('names from avahi', () => {
  const id = `reach${process.pid}`;
  beforeAll(() => labUp(id, { cluster: false, agents: false, nodes: 1 }));
  afterAll(() => labDown(id));

  it('are resolved by one question', async () => {
    const reach = createReachability(netnsOf(labPaths(id), 'n1'));
    const ips = await eventually('laptop.local resolves', async () => {
      const found = await reach.resolve('laptop.local', 2000);
      return found && found.length > 0 ? found : undefined;
    });
    expect(ips).toContain(LAN.laptop);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labProcesses, runningDaemons } from '../../../src/lab/daemons.ts';
import { runOnHost } from '../../../src/lab/hosts.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { labPaths } from '../../../src/lab/layout.ts';
import { listNetns } from '../../../src/lab/netns.ts';
import { killHard } from '../../../src/lab/process.ts';
import { labStatus } from '../../../src/lab/status.ts';
import { leftovers, testLabId } from '../../support/lab.ts';
import { eventually } from '../../support/netns.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const OPTIONS = { cluster: false };

describe('a lab', () => {
  const [one, two] = [testLabId('one'), testLabId('two')];
  beforeAll(() => labUp(one, OPTIONS));
  afterAll(async () => {
    await Promise.all([labDown(one), labDown(two)]);
  });

  it('comes up with every host and daemon, quickly', async () => {
    expect(await labStatus(one)).toMatchObject({ up: true, missing: [] });
    const started = performance.now();
    await labUp(two, OPTIONS);
    expect(performance.now() - started).toBeLessThan(5000);
    await labDown(two);
  });

  it('stays as it is when brought up again', async () => {
    const before = runningDaemons(labPaths(one));
    await labUp(one);
    expect(runningDaemons(labPaths(one))).toEqual(before);
  });

  it('runs beside another one, and goes without it', async () => {
    await labUp(two, OPTIONS);
    const ping = ['ping', '-c1', '-W2', '10.77.0.12'];
    expect((await runOnHost(labPaths(two), 'n1', ping)).code).toBe(0);
    await labDown(two);
    expect(leftovers(two)).toEqual([]);
    expect(await labStatus(one)).toMatchObject({ up: true, missing: [] });
    expect((await runOnHost(labPaths(one), 'n1', ping)).code).toBe(0);
  });

  it('gets back what was killed, whatever it was', async () => {
    for (const daemon of ['router-dnsmasq', 'router-miniupnpd', 'laptop-dbus', 'laptop-avahi']) {
      const id = runningDaemons(labPaths(one)).get(daemon);
      if (id === undefined) throw new Error(`${daemon} does not run`);
      killHard(id);
      await eventually(`${daemon} is missed`, async () => (await labStatus(one)).missing.length > 0);
      await labUp(one);
      expect(await labStatus(one)).toMatchObject({ up: true, missing: [] });
    }
    const resolved = await runOnHost(labPaths(one), 'laptop', ['getent', 'hosts', 'laptop.local']);
    expect(resolved.stdout).toContain('10.77.0.50');
  });

  it('replaces only the daemon whose options changed', async () => {
    const before = runningDaemons(labPaths(one));
    await labUp(one, { ...OPTIONS, dhcp: { leaseTime: '2m' } });
    const after = runningDaemons(labPaths(one));
    expect(after.get('router-dnsmasq')?.pid).not.toBe(before.get('router-dnsmasq')?.pid);
    expect(after.get('router-miniupnpd')).toEqual(before.get('router-miniupnpd'));
    expect(after.get('laptop-avahi')).toEqual(before.get('laptop-avahi'));
  });

  it('says what is there only when it is up', async () => {
    expect(await labStatus(two)).toMatchObject({ up: false, hosts: [] });
    await expect(runOnHost(labPaths(two), 'n1', ['true'])).rejects.toThrow(/not up/);
    await expect(runOnHost(labPaths(one), 'n9', ['true'])).rejects.toThrow(/no host "n9"/);
  });
});

describe('taking a lab down', () => {
  const id = testLabId('down');
  afterAll(() => labDown(id));

  /** `kubevip lab up` in a process of its own, killed as soon as it has got that far. */
  const killUpWhen = async (reached: () => boolean): Promise<void> => {
    const up = spawn(process.execPath, [join(ROOT, 'bin/dev.js'), 'lab', 'up', '--id', id, '--no-cluster'], {
      stdio: 'ignore',
    });
    const ended = once(up, 'exit');
    const deadline = performance.now() + 30_000;
    while (!reached() && performance.now() < deadline) await delay(1);
    up.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
  };

  it('leaves nothing, however often', async () => {
    await labUp(id, OPTIONS);
    // Somebody's own program in a namespace counts as well.
    void runOnHost(labPaths(id), 'laptop', ['sleep', '1000']).catch(() => undefined);
    await eventually('the program runs', () => labProcesses(id).length > 0);
    await labDown(id);
    expect(leftovers(id)).toEqual([]);
    await labDown(id);
    expect(leftovers(id)).toEqual([]);
  });

  it('leaves nothing after everything of it was killed', async () => {
    await labUp(id, OPTIONS);
    labProcesses(id).forEach(killHard);
    await labDown(id);
    expect(leftovers(id)).toEqual([]);
  });

  it.each([
    ['with its first namespace', (): boolean => listNetns(labPaths(id).netnsPrefix).length >= 1],
    ['with some namespaces', (): boolean => listNetns(labPaths(id).netnsPrefix).length >= 4],
    ['with every namespace', (): boolean => listNetns(labPaths(id).netnsPrefix).length >= 8],
    ['with its first daemon', (): boolean => runningDaemons(labPaths(id)).size >= 1],
    ['with most daemons', (): boolean => runningDaemons(labPaths(id)).size >= 3],
  ])('leaves nothing after `up` was killed %s', async (_, reached) => {
    await killUpWhen(reached);
    await labDown(id);
    expect(leftovers(id)).toEqual([]);
  });

  it('needs no `down` before the next `up`, after `up` was killed half-way', async () => {
    await killUpWhen(() => listNetns(labPaths(id).netnsPrefix).length > 2);
    await labUp(id, OPTIONS);
    expect(await labStatus(id)).toMatchObject({ up: true, missing: [] });
  });
});

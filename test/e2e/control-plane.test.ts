/** The control-plane VIP with real agents on real kernels: kube-vip's own list of scenarios, and what it leaves out. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn, setLanCable, stopAgent, startAgent } from '../../src/lab/faults.ts';
import { requireState } from '../../src/lab/state.ts';
import { readControlPlaneRecord } from '../../src/model/control-plane-record.ts';
import { controlPlaneLab, NODES, VIPS, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

let lab: TestLab;
let planes: ControlPlaneLab;

beforeAll(async () => {
  // The agents for Services run beside, as on a cluster that kubevip made.
  lab = await startLab({ dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  planes = await controlPlaneLab(lab);
  await Promise.all(NODES.map((node) => planes.api(node, true)));
  await Promise.all(NODES.map((node) => planes.start(node)));
}, 120_000);
afterAll(async () => {
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function ownerNow(): Promise<string> {
  const owner = await planes.newOwner();
  if (owner === undefined) throw new Error(`nobody has the whole VIP\n${await planes.account()}`);
  return owner;
}

/** Served in both families by another node, and every question was answered by one machine at most. */
async function movedFrom(before: string): Promise<string> {
  const next = await planes.newOwner(before);
  if (next === undefined || next === before) {
    throw new Error(`the VIP did not move from ${before} to another node\n${await planes.account()}`);
  }
  expect(await planes.served()).toBe(true);
  expect(planes.disputed()).toEqual([[], []]);
  return next;
}

const lost = async (node: string): Promise<string[]> =>
  eventually(
    () => planes.addresses(node),
    (addresses) => addresses.length === 0,
    5,
  );

describe('kube-vip DualStack functionality, vip_leaderelection=true', () => {
  it('provides a DualStack VIP address for the Kubernetes control plane nodes', async () => {
    const owner = await ownerNow();
    expect(await planes.served()).toBe(true);
    const lease = await planes.lease();
    expect(lease?.spec?.holderIdentity).toBe(owner);
    expect(readControlPlaneRecord(lease)).toMatchObject({ addresses: [...VIPS], port: 6443 });
    expect(await planes.addresses(owner)).toEqual([...VIPS]);
    for (const node of NODES.filter((one) => one !== owner)) expect(await planes.addresses(node)).toEqual([]);
  });

  it('moves it when the node that has it loses its power, and never has it twice', async () => {
    const before = await ownerNow();
    await powerOff(lab.id, before);
    await movedFrom(before);
    await powerOn(lab.id, before);
    await planes.api(before, true);
    await planes.start(before);
    await delay(2000);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('killed (SIGKILL) the agent is silent, and another node serves the VIP', async () => {
    const before = await ownerNow();
    await planes.stop(before, 'kill');
    await movedFrom(before);
    expect(await lost(before)).toEqual([]);
    await planes.start(before);
  });

  it('frozen (SIGSTOP) it is silent too, and thawed it disturbs nobody', async () => {
    const before = await ownerNow();
    const pid = planes.pid(before);
    process.kill(pid, 'SIGSTOP');
    try {
      await movedFrom(before);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await delay(2000);
    expect(await lost(before)).toEqual([]);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('a cable that is pulled moves it, and plugged in again disturbs nobody', async () => {
    const before = await ownerNow();
    await setLanCable(lab.id, before, false);
    await movedFrom(before);
    await setLanCable(lab.id, before, true);
    await delay(2000);
    expect(planes.disputed()).toEqual([[], []]);
    expect(await planes.served()).toBe(true);
    // Whoever lost the VIP can have it again: its agent still has its wits.
    for (const node of NODES) expect(await lab.curl(node, 'http://127.0.0.1:2113/readyz'), node).toBe('ok\n');
  });
});

describe('the health of the API servers', () => {
  it('an API server that is gone gives the VIP away, though its agent lives', async () => {
    const before = await ownerNow();
    const seen = await planes.watchHolders();
    await planes.api(before, false);
    const next = await movedFrom(before);
    // Freed by its Lease, and not left to run out; by heartbeats the next owner has it before that is written.
    const byLease = requireState(lab.paths).options.election === 'lease';
    expect(seen.stop().slice(0, 2)).toEqual([before, byLease ? '' : next]);
    await planes.api(before, true);
    await delay(2000);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('with all of them gone the VIP stays with its last owner, and goes on when they are back', async () => {
    const before = await ownerNow();
    const lease = await planes.lease();
    // One that is ready a moment longer, or sooner, than the owner's own would be given the VIP.
    const others = NODES.filter((node) => node !== before);
    await Promise.all(others.map((node) => planes.api(node, false)));
    await planes.api(before, false);
    await delay(12_000);
    expect(await planes.addresses(before)).toEqual([...VIPS]);
    expect(planes.owner()).toBe(before);
    // Refused at once by whoever has the VIP, instead of an answer that never comes.
    const { code } = await lab.on('laptop', 'curl', '-sk', '--max-time', '2', `https://${VIPS[0]}:6443/livez`);
    expect(code).toBe(7);
    await planes.api(before, true);
    expect(await planes.served()).toBe(true);
    await Promise.all(others.map((node) => planes.api(node, true)));
    await delay(3000);
    expect(planes.owner()).toBe(before);
    expect((await planes.lease())?.spec?.leaseTransitions).toBe(lease?.spec?.leaseTransitions);
    expect(planes.disputed()).toEqual([[], []]);
  });
});

describe('two agents on one node', () => {
  it('the one for Services ends and begins, and the VIP does not notice', async () => {
    const owner = await ownerNow();
    await stopAgent(lab.id, owner);
    expect(await planes.addresses(owner)).toEqual([...VIPS]);
    expect(await planes.hasTables(owner)).toBe(true);
    await startAgent(lab.id, owner);
    await delay(2000);
    expect(await planes.addresses(owner)).toEqual([...VIPS]);
    expect(await planes.served()).toBe(true);
    expect(planes.owner()).toBe(owner);
  });

  it('the one of the VIP ends, and leaves the tables of the other alone', async () => {
    const owner = await ownerNow();
    await planes.stop(owner);
    const { stdout } = await lab.on(owner, 'nft', 'list', 'tables');
    expect(stdout).toMatch(/^table arp kubevip$/m);
    expect(stdout).not.toContain('kubevip-control-plane');
    await movedFrom(owner);
    await planes.start(owner);
  });
});

describe('kubevip handover', () => {
  it('moves the VIP to another node, keeps it away, and lets it come again with --undo', async () => {
    const before = await ownerNow();
    const seen = await planes.watchHolders();
    const { code, stdout, stderr } = await lab.kubevip('handover', before, '--json');
    expect(code, stderr).toBe(0);
    const next = await movedFrom(before);
    const moved = VIPS.map((address) => ({ address, services: ['control plane'], to: next }));
    expect(JSON.parse(stdout)).toMatchObject({ result: { draining: true, moved, kept: [] } });
    await delay(2000);
    expect(planes.owner()).toBe(next);
    expect(seen.stop().at(-1)).toBe(next);
    // The node that is left as the only one has it all the same.
    const others = NODES.filter((node) => node !== before);
    await Promise.all(others.map((node) => planes.api(node, false)));
    expect(
      await eventually(
        () => planes.owner(),
        (owner) => owner === before,
      ),
    ).toBe(before);
    expect(await planes.served()).toBe(true);
    await Promise.all(others.map((node) => planes.api(node, true)));
    const undone = await lab.kubevip('handover', before, '--undo');
    expect(undone.code, undone.stderr).toBe(0);
    expect((await planes.lease())?.metadata.annotations?.['kubevip.dev/stay-away']).toBeUndefined();
    await ownerNow();
    expect(planes.disputed()).toEqual([[], []]);
  });
});

describe('on the LAN', () => {
  it('the cluster is found by its name, which moves with the VIP, and no secret is told', async () => {
    const found = async (): Promise<string> =>
      (await lab.on('laptop', 'avahi-browse', '--resolve', '--parsable', '--terminate', '_kubevip._tcp')).stdout;
    const first = await eventually(found, (text) => text.includes('sha256:'), 3);
    expect(first).toContain(';home.local;');
    expect(first).toContain(`"endpoint=${VIPS[0]}:6443"`);
    expect(first).toMatch(/"ca=sha256:[0-9a-f]{64}"/);
    expect(first).toMatch(/"kubernetes=v\d/);
    expect(first).not.toMatch(/token|key/i);
    const before = await ownerNow();
    await planes.stop(before, 'kill');
    await movedFrom(before);
    const { code } = await lab.on('laptop', 'curl', '-sk', '--max-time', '5', 'https://home.local:6443/livez');
    expect(code).toBe(0);
    await planes.start(before);
  });

  it('metrics and health are those of kube-vip and ours', async () => {
    const owner = await ownerNow();
    const page = (path: string): Promise<string | undefined> => lab.curl(owner, `http://127.0.0.1:2113${path}`);
    const metrics = await page('/metrics');
    expect(metrics).toContain(`kube_vip_is_leader{node="${owner}",lease_name="plndr-cp-lock"} 1`);
    for (const vip of VIPS) expect(metrics).toContain(`kubevip_control_plane_address{address="${vip}"} 1`);
    expect(metrics).toContain('kubevip_control_plane_api_ready 1');
    expect(await page('/readyz')).toBe('ok\n');
    expect(await page('/healthz')).toBe('ok\n');
  });
});

describe('as a regular DaemonSet', () => {
  const both = { svc_enable: 'true', prometheus_server: ':2114' };

  it('deletes all DualStack addresses on exit when only control plane', async () => {
    const owner = await ownerNow();
    await planes.stop(owner);
    expect(await planes.addresses(owner)).toEqual([]);
    expect(await planes.hasTables(owner)).toBe(false);
    await movedFrom(owner);
    await planes.start(owner);
    await ownerNow();
  });

  it.each([
    ['IPv4', VIPS[0]],
    ['IPv6', VIPS[1]],
  ])('deletes all %s addresses on exit when only control plane', async (_family, address) => {
    await Promise.all(NODES.map((node) => planes.stop(node)));
    await Promise.all(NODES.map((node) => planes.start(node, { address })));
    const holders = async (): Promise<string[]> => {
      const all = await Promise.all(NODES.map((node) => planes.addresses(node)));
      return all.flat();
    };
    expect(await eventually(holders, (all) => all.length > 0)).toEqual([address]);
    await Promise.all(NODES.map((node) => planes.stop(node)));
    expect(await holders()).toEqual([]);
    for (const node of NODES) expect(await planes.hasTables(node)).toBe(false);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('deletes all DualStack addresses on exit when control-plane and services', async () => {
    await Promise.all(NODES.map((node) => planes.stop(node)));
    await Promise.all(NODES.map((node) => stopAgent(lab.id, node)));
    await Promise.all(NODES.map((node) => planes.start(node, both)));
    // It may move once more while the others begin.
    const held = async (): Promise<string[]> => planes.addresses(await ownerNow());
    expect(await eventually(held, (all) => all.length === 2)).toEqual([...VIPS]);
    await lab.pools({ 'range-global': '10.77.0.200-10.77.0.200' });
    await lab.deployment('web', 2);
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80');
    expect(exposed.code, exposed.stderr).toBe(0);
    const before = await lab.leftovers();
    expect(before).toContain('10.77.0.200/32');
    await Promise.all(NODES.map((node) => planes.stop(node)));
    const left = await lab.leftovers();
    expect(left).not.toContain('10.77.0.200/32');
    for (const node of NODES) {
      expect(await planes.addresses(node)).toEqual([]);
      expect(await planes.hasTables(node)).toBe(false);
    }
    expect(planes.disputed()).toEqual([[], []]);
  });
});

/** Addresses behind WireGuard tunnels, with a real far end on the other side of the router. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn, startAgent, stopAgent } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import { netnsOf, WAN } from '../../src/lab/layout.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { spawnDaemon, stopProcess } from '../../src/lab/process.ts';
import { ownAddresses, ownLinks, ownRoutes, ownRules, ownTables } from '../../src/linux/own-traces.ts';
import { servicesRbac } from '../../src/manifests/rbac.ts';
import { CONDITION, KEY } from '../../src/model/annotations.ts';
import { agentPid } from '../support/agent-process.ts';
import { controlPlaneLab, NODES, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { createFarEnd, newKeys, type FarEnd } from '../support/far-end.ts';

const OPTIONS: LabOptionsInput = { dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } };
const WIREGUARD = { vip_arp: 'false', vip_wireguard: 'true' };
const SECRET = { name: 'wireguard', namespace: 'kube-system' };
/** Name of the tunnel, and its address. */
const TUNNELS = { four: '10.99.0.10', six: '2001:db8:99::10', plane: '10.99.0.40' } as const;
type Name = keyof typeof TUNNELS;
const NAMES = Object.keys(TUNNELS) as Name[];
const keys = { four: newKeys(), six: newKeys(), plane: newKeys() };

let lab: TestLab;
let far: FarEnd;
let planes: ControlPlaneLab;

function secretText(over: Partial<Record<Name, Readonly<Record<string, unknown>>>> = {}): string {
  const tunnels = NAMES.map((name, i) => [
    name,
    {
      vip: TUNNELS[name],
      privateKey: keys[name].privateKey,
      peerPublicKey: far.keys.publicKey,
      peerEndpoint: `${WAN.public.internet}:${far.port}`,
      allowedIPs: ['0.0.0.0/0', '::/0'],
      listenPort: 51_821 + i,
      ...over[name],
    },
  ]);
  return JSON.stringify(Object.fromEntries(tunnels));
}
const asData = (text: string) => ({ data: { tunnels: Buffer.from(text).toString('base64') } });
const say = (text: string): Promise<unknown> =>
  lab.cluster.resource('Secret').patch(SECRET, asData(text), { type: 'merge' });
const knowPeers = (): Promise<void> =>
  far.peers(
    NAMES.map((name) => `[Peer]\nPublicKey = ${keys[name].publicKey}\nAllowedIPs = ${TUNNELS[name]}\n`).join(''),
  );

const url = (ip: string): string => `http://${ip.includes(':') ? `[${ip}]` : ip}/`;
const page = (ip: string): Promise<string | undefined> => lab.curl('internet', url(ip));
const reached = async (...ips: string[]): Promise<void> => {
  for (const ip of ips)
    expect(await eventually(() => page(ip), Boolean), `a page of ${ip}; ${await announced()}`).toBeTruthy();
};
const announced = async (): Promise<string> => {
  const service = await lab.cluster.resource('Service').get({ name: 'web', namespace: 'default' });
  const condition = service.status?.conditions?.find(({ type }) => type === CONDITION.announcement);
  return `${condition?.status}: ${condition?.message}`;
};
const says = async (words: string | RegExp): Promise<void> =>
  expect(await eventually(announced, (text) => text.match(words) !== null)).toMatch(words);
const links = async (node: string): Promise<string> => (await lab.on(node, 'ip', '-o', 'link')).stdout;
const holders = async (name: Name, nodes: readonly string[] = NODES): Promise<string[]> => {
  const all = await Promise.all(nodes.map(async (node) => ((await links(node)).includes(` ${name}:`) ? [node] : [])));
  return all.flat();
};
const logs = (): string =>
  readdirSync(lab.paths.logs)
    .map((file) => readFileSync(join(lab.paths.logs, file), 'utf8'))
    .join('\n');

/** The longest time without an answer from the address, in milliseconds, while something happens. */
async function longestGap(ip: string, happens: () => Promise<unknown>): Promise<number> {
  const logFile = join(lab.paths.logs, 'ping.log');
  const argv = ['ping', '-D', '-n', '-i', '0.02', ip];
  const ping = spawnDaemon({ netns: netnsOf(lab.paths, 'internet'), argv, logFile });
  const times = (): number[] =>
    [...readFileSync(logFile, 'utf8').matchAll(/^\[(\d+\.\d+)\].*icmp_seq/gm)].map(([, time]) => Number(time) * 1000);
  try {
    await eventually(times, ({ length }) => length > 10);
    await happens();
    const count = times().length;
    await eventually(times, ({ length }) => length > count + 20);
  } finally {
    await stopProcess(ping);
  }
  const all = times();
  return Math.max(...all.slice(1).map((time, i) => time - (all[i] ?? time)));
}

beforeAll(async () => {
  lab = await startLab({ ...OPTIONS, agents: false });
  far = await createFarEnd(netnsOf(lab.paths, 'internet'), `f${process.pid}`, 51_820, [
    '10.99.0.1/24',
    '2001:db8:99::1/64',
  ]);
  await knowPeers();
  planes = await controlPlaneLab(lab);
  // What our manifests grant, and no more: the lab's agents have no rights on the Secret otherwise.
  for (const object of servicesRbac({ wireguard: true }))
    if (object.kind === 'Role' || object.kind === 'RoleBinding')
      await lab.cluster.resource(object.kind).create(JSON.parse(JSON.stringify(object)) as never);
  await lab.deployment('web', 3);
  await lab.running(3);
  await labUp(lab.id, { ...OPTIONS, agentEnv: WIREGUARD });
  await lab.cluster.resource('Service').create({
    metadata: {
      name: 'web',
      namespace: 'default',
      annotations: { [KEY.loadBalancerIPs]: `${TUNNELS.four},${TUNNELS.six}` },
    },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'web' },
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
      ports: [{ port: 80, targetPort: 80 }],
    },
  });
}, 180_000);
afterAll(async () => {
  await far.close();
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

describe('a Service behind tunnels', () => {
  it('says that there is no Secret, and is there as soon as there is', async () => {
    await says(/there is no Secret kube-system\/wireguard/);
    await lab.cluster.resource('Secret').create({ metadata: SECRET, ...asData(secretText()) });
    await reached(TUNNELS.four, TUNNELS.six);
    await says(
      /^True: 10.99.0.10 is announced through tunnel four to 192.0.1.1:51820; 2001:db8:99::10 is .* tunnel six /,
    );
    const [owner] = await holders('four');
    expect(await holders('six')).toEqual([owner]);
  });

  it('goes where its owner’s power does not', async () => {
    const [owner = ''] = await holders('four');
    const gap = await longestGap(TUNNELS.four, () => powerOff(lab.id, owner));
    console.log(`an address behind a tunnel was away for ${Math.round(gap)} ms when its owner lost power`);
    expect(gap).toBeLessThan(5000);
    await reached(TUNNELS.four, TUNNELS.six);
    await powerOn(lab.id, owner);
  });

  it('names tunnel and field where a key is wrong, and follows the Secret to new keys of both ends', async () => {
    await say(secretText({ four: { privateKey: 'hush' } }));
    await says(/^False: .*Secret kube-system\/wireguard: tunnel four: privateKey is no key of WireGuard/);
    keys.four = newKeys();
    await knowPeers();
    await say(secretText());
    await reached(TUNNELS.four, TUNNELS.six);
    await says(/^True: /);
  });

  it('leaves the node of an agent that was killed, whose tunnels are silent and go at its next start', async () => {
    const [owner = ''] = await holders('four');
    const gap = await longestGap(TUNNELS.four, async () => {
      process.kill(agentPid(lab, owner), 'SIGKILL');
      await eventually(
        () => holders('four'),
        ({ length }) => length === 2,
      );
    });
    console.log(`an address behind a tunnel was away for ${Math.round(gap)} ms when the agent of its owner was killed`);
    expect(await holders('four')).toContain(owner);
    await reached(TUNNELS.four, TUNNELS.six);
    await startAgent(lab.id, owner);
    expect(
      await eventually(
        () => holders('four'),
        ({ length }) => length === 1,
      ),
    ).toHaveLength(1);
    await reached(TUNNELS.four, TUNNELS.six);
  });
});

describe('the control plane behind a tunnel', () => {
  const livez = async (): Promise<string> => {
    const argv = ['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2'];
    return (await lab.on('internet', ...argv, `https://${TUNNELS.plane}:6443/livez`)).stdout;
  };

  it('is reached at the port of its API servers, and moves with its owner', async () => {
    await Promise.all(NODES.map((node) => planes.api(node, true)));
    await Promise.all(NODES.map((node) => planes.start(node, { ...WIREGUARD, address: TUNNELS.plane })));
    expect(await eventually(livez, (status) => status === '200')).toBe('200');
    const [owner = ''] = await holders('plane');
    await planes.stop(owner);
    expect(
      await eventually(
        () => holders('plane'),
        (all) => all.length === 1 && all[0] !== owner,
      ),
    ).not.toContain(owner);
    expect(await eventually(livez, (status) => status === '200')).toBe('200');
    await Promise.all(NODES.map((node) => planes.stop(node)));
  });
});

describe('the end', () => {
  it('leaves nothing on a node, and no key in a log', async () => {
    await Promise.all(NODES.map((node) => stopAgent(lab.id, node)));
    for (const node of NODES) {
      const netns = netnsOf(lab.paths, node);
      const left = [ownAddresses, ownLinks, ownRules, ownRoutes].flatMap((of) => of(netns));
      expect([...left, ...(await ownTables(netns))], node).toEqual([]);
      expect((await lab.on(node, 'nft', 'list', 'tables')).stdout, node).not.toContain('kubevip');
    }
    for (const name of NAMES) expect(await holders(name)).toEqual([]);
    const said = logs();
    for (const { privateKey } of Object.values(keys)) expect(said).not.toContain(privateKey);
    expect(said).not.toContain('hush');
  });
});

/**
 * The image as a container on each node of the lab, with what the manifests grant and nothing more: three capabilities, a
 * root that cannot be written to. Needs podman and mmdebstrap; KUBEVIP_IMAGE tests an image that is there already.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOrThrow } from '../../src/lab/exec.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { buildImage, findPodman, imageMissing, startAgentContainer, type AgentContainer } from '../support/image.ts';
import { nodeSnapshot } from '../support/node-snapshot.ts';

const missing = imageMissing();
// Whoever names an image wants it tested.
if (missing !== undefined && process.env['KUBEVIP_IMAGE'] !== undefined) throw new Error(missing);
if (missing !== undefined) console.warn(`THE IMAGE IS NOT TESTED: ${missing}`);

/** Two: an agent that is alone leaves ARP to its kernel. */
const NODES = ['n1', 'n2'];
const MEGABYTE = 1e6;
const SIZE_LIMIT = 300 * MEGABYTE;

describe.skipIf(missing !== undefined)('the image', () => {
  let image: string;
  let podman: string[];
  let lab: TestLab;
  let before: string[][];
  let agents: AgentContainer[];
  let agent: AgentContainer;
  const cleanups: (() => Promise<void>)[] = [];

  const inImage = async (script: string): Promise<string> => (await agent.exec('sh', '-c', script)).stdout;
  const snapshots = (): Promise<string[][]> => Promise.all(NODES.map((node) => nodeSnapshot(lab, node)));
  const logs = async (): Promise<string> => (await Promise.all(agents.map((each) => each.logs()))).join('');
  const probe = async (node: string, path: string): Promise<string> => {
    const format = '%{http_code} ';
    const url = `http://127.0.0.1:2112/${path}`;
    return (await lab.on(node, 'curl', '-s', '--max-time', '3', '-w', format, url)).stdout;
  };

  beforeAll(async () => {
    image = await buildImage();
    podman = await findPodman(image);
    lab = await startLab({ nodes: NODES.length, agents: false });
    cleanups.push(() => lab[Symbol.asyncDispose]());
    await lab.deployment('web', 1);
    await lab.pools({ 'range-global': '10.77.0.200-10.77.0.209' });
    await lab.running(1);
    before = await snapshots();
    agents = await Promise.all(
      NODES.map(async (node) => {
        const started = await startAgentContainer(podman, image, lab.paths, node);
        cleanups.push(() => started.remove());
        return started;
      }),
    );
    agent = agents[0]!;
  }, 1_200_000);
  afterAll(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  }, 60_000);

  it('comes up: alive and ready', async () => {
    const up = (text: string): boolean => text === 'ok\n200 ';
    for (const node of NODES)
      for (const path of ['healthz', 'readyz'])
        expect(await eventually(() => probe(node, path), up), await logs()).toBe('ok\n200 ');
  });

  it('has three capabilities, seccomp’s filter, no way to more, and nowhere to write', async () => {
    const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8');
    const field = (name: string): string | undefined => new RegExp(`^${name}:\\s+(\\S+)$`, 'm').exec(status)?.[1];
    // capability.h: CAP_NET_ADMIN is 12, CAP_NET_RAW 13, CAP_SYS_NICE 23.
    const three = ((1 << 12) | (1 << 13) | (1 << 23)).toString(16).padStart(16, '0');
    expect([field('CapEff'), field('CapPrm'), field('CapBnd')]).toEqual([three, three, three]);
    expect([field('NoNewPrivs'), field('Seccomp')]).toEqual(['1', '2']);
    for (const folder of ['/', '/app', '/tmp', '/var/tmp', '/run']) {
      const { code, stderr } = await agent.exec('touch', `${folder}/x`);
      expect([code, stderr], folder).toEqual([1, expect.stringContaining('Read-only') as string]);
    }
  });

  it('serves a Service on the LAN, and keeps the kernel silent for its address', async () => {
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--name', 'web');
    expect(exposed.code, `${exposed.stderr}${await logs()}`).toBe(0);
    const { status } = await lab.cluster.resource('Service').get({ name: 'web', namespace: 'default' });
    const ip = status?.loadBalancer?.ingress?.[0]?.ip ?? '';
    expect(ip).toBe('10.77.0.200');
    expect(await eventually(() => lab.curl('laptop', `http://${ip}/`), Boolean)).toBeDefined();
    const holders: string[] = [];
    for (const node of NODES) {
      const silent = async (): Promise<string> =>
        (await lab.on(node, 'nft', 'list', 'set', 'arp', 'kubevip', 'silent')).stdout;
      const held = (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0')).stdout.includes(`${ip}/`);
      if (held) holders.push(await eventually(silent, (text) => text.includes(ip)));
    }
    expect(holders).toEqual([expect.stringContaining(ip)]);
  });

  it('holds Node, nft and the agent, and not what built it', async () => {
    expect(await inImage('nft --version && node --version')).toMatch(/^nftables v\S+ .*\nv2[46]\./);
    expect((await inImage('ls /app/node_modules /app/node_modules/@koromix')).match(/^\w.*$/gm)).toEqual([
      'koffi',
      `koffi-linux-${process.arch}`,
    ]);
    expect(await inImage('command -v npm npx corepack gcc || ls /var/lib/apt/lists /root')).toBe(
      '/root:\n\n/var/lib/apt/lists:\n',
    );
    expect(await inImage('find / -xdev -name "*npmrc"; find /app -name "*.ts" -path "*/src/*"')).toBe('');
  });

  it('can load what only some kubeconfigs need', async () => {
    const load = `import(process.argv[1]).then(({ KubeConfig }) => console.log(typeof KubeConfig))`;
    const chunk = (await inImage('ls -S /app/dist/agent | head -1')).trim();
    const { stdout, stderr } = await agent.exec('node', '-e', load, `/app/dist/agent/${chunk}`);
    expect(stdout, stderr).toBe('function\n');
  });

  it(`is smaller than ${SIZE_LIMIT / MEGABYTE} MB, and says what it is`, async () => {
    const [{ Size: size, Config: config } = { Size: 0, Config: { Labels: {} } }] = JSON.parse(
      await runOrThrow([...podman, 'image', 'inspect', image]),
    ) as { readonly Size: number; readonly Config: { readonly Labels: Readonly<Record<string, string>> } }[];
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1];
    console.log(`image ${Math.round(size / MEGABYTE)} MB, agent ${Math.round(Number(resident) / 1024)} MB resident`);
    expect(size).toBeLessThan(SIZE_LIMIT);
    expect(config.Labels['org.opencontainers.image.version']).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('stops when it is told to, and leaves nothing on the node', async () => {
    expect(await Promise.all(agents.map((each) => each.stop())), await logs()).toEqual([0, 0]);
    const left = async (): Promise<string[]> =>
      (await snapshots()).flatMap((lines, i) => lines.filter((line) => !before[i]?.includes(line)));
    expect(await eventually(left, (lines) => lines.length === 0)).toEqual([]);
    expect(await logs()).not.toContain('EROFS');
  });
});

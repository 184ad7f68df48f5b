/** What is shown, in order. Each step runs real commands and holds only if what they say is right. */
import { KEY } from '../../model/annotations.ts';
import { WAN } from '../layout.ts';
import { nodeNames } from '../network.ts';
import { readLeases, type DhcpLeaseRecord } from '../router/dnsmasq.ts';
import { readMappings } from '../router/nat.ts';
import { requireState } from '../state.ts';
import type { Said, Stage } from './stage.ts';

export interface DemoStep {
  readonly title: string;
  readonly run: (stage: Stage, facts: Facts) => Promise<void>;
}

/** What steps learn for later ones. */
export interface Facts {
  address: string;
  lease: DhcpLeaseRecord | undefined;
  owner: string;
}

const HELLO = /^hello from web-\S+ on (n\d+)/m;
const ROUTER_URL = `http://${WAN.public.router}:8080/`;

export const DEMO: readonly DemoStep[] = [
  {
    title: 'A home: Internet, router, three nodes, a laptop',
    async run(stage) {
      await stage.kubevip('lab', 'up', '--id', stage.id);
      await stage.kubevip('lab', 'status', '--id', stage.id);
      await stage.here('kubectl', 'get', 'nodes', '-o', 'wide');
    },
  },
  {
    title: 'A Deployment, as anybody makes one',
    async run(stage) {
      await stage.here('kubectl', 'create', 'deployment', 'web', '--image=nginx', '--replicas=3');
      await stage.wait('three pods are ready', 20_000, async () => {
        const { stdout } = await stage.kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}');
        return stdout === '3';
      });
      await stage.here('kubectl', 'get', 'pods', '-o', 'wide');
    },
  },
  {
    title: 'One command: an address, a router port and a name',
    async run(stage, facts) {
      await stage.kubevip('expose', 'deployment/web', '--port', '80', '--dhcp', '--router', '8080', '--mdns', 'web');
      const { stdout } = await stage.kubectl(
        'get',
        'service',
        'web',
        '-o',
        'jsonpath={.status.loadBalancer.ingress[0].ip}',
      );
      facts.address = stdout;
      stage.check(`the Service has the address ${facts.address}`, /^10\.77\.0\.\d+$/.test(facts.address));
    },
  },
  {
    title: 'The address is a lease of the router’s own DHCP server',
    async run(stage, facts) {
      await stage.on('router', 'cat', stage.paths.leases);
      facts.lease = leaseOf(stage, facts.address);
      stage.check(`dnsmasq has leased ${facts.address}`, facts.lease !== undefined);
    },
  },
  { title: 'From the laptop, by address and by name', run: fromLaptop },
  {
    title: 'Any program on the LAN can find it',
    async run(stage) {
      const { stdout } = await stage.on('laptop', 'avahi-browse', '-rpt', '_http._tcp');
      stage.check('avahi lists web on web.local', /^=;eth0;IPv4;web;[^;]*;local;web\.local;/m.test(stdout));
    },
  },
  { title: 'From the Internet, through the router', run: fromInternet },
  {
    title: 'What kubevip knows of it',
    async run(stage, facts) {
      const { stdout } = await stage.kubevip('status');
      facts.owner = new RegExp(`\\bweb +${facts.address.replaceAll('.', '\\.')} +(n\\d+)\\b`).exec(stdout)?.[1] ?? '';
      stage.check(`status shows ${facts.address} on ${facts.owner || 'a node'}`, facts.owner !== '');
      const { stdout: addresses } = await stage.on(facts.owner, 'ip', '-brief', 'address', 'show', 'eth0');
      stage.check(`${facts.owner} holds it`, addresses.includes(`${facts.address}/`));
    },
  },
  {
    title: 'The owner loses its power',
    async run(stage, facts) {
      const gone = facts.owner;
      await stage.kubevip('lab', 'power', gone, 'off', '--id', stage.id);
      const requests = [
        ['by address', () => stage.quietly('laptop', ...curl(`http://${facts.address}/`))],
        ['by name', () => stage.quietly('laptop', ...curl('http://web.local/'))],
        ['from the Internet', () => stage.quietly('internet', ...curl(ROUTER_URL))],
      ] as const;
      await Promise.all(
        requests.map(([path, request]) =>
          stage.wait(`answers again ${path}`, 60_000, async () => isHello(await request(), gone)),
        ),
      );
      // The address is back before the cluster has struck the node's pods off: until then some requests end there.
      await stage.wait(`no request goes to a pod on ${gone} any more`, 60_000, async () => {
        for (let i = 0; i < 12; i++) {
          if (!isHello(await stage.quietly('laptop', ...curl(`http://${facts.address}/`)), gone)) return false;
        }
        return true;
      });
    },
  },
  {
    title: 'All three paths, on another node, with the same lease',
    async run(stage, facts) {
      await fromLaptop(stage, facts);
      await fromInternet(stage);
      // The address moves without the API server; who has it now is written there a moment later.
      await stage.wait('the Service says so, and is Ready', 20_000, async () => {
        const host = `{.metadata.annotations['${KEY.vipHost.replaceAll('.', '\\.')}']}`;
        const ready = '{.status.conditions[?(@.type=="kubevip.dev/Ready")].status}';
        const { stdout } = await stage.kubectl('get', 'service', 'web', '-o', `jsonpath=${host} ${ready}`);
        const [owner = '', isReady] = stdout.split(' ');
        return isReady === 'True' && owner !== '' && owner !== facts.owner;
      });
      const { stdout } = await stage.kubevip('status');
      const owner = new RegExp(`\\bweb +${facts.address.replaceAll('.', '\\.')} +(n\\d+)\\b`).exec(stdout)?.[1] ?? '';
      stage.check(`${owner || 'no node'} owns ${facts.address} now`, owner !== '' && owner !== facts.owner);
      await stage.on('router', 'cat', stage.paths.leases);
      const lease = leaseOf(stage, facts.address);
      stage.check(
        `the lease is the same: ${facts.address} for ${facts.lease?.mac ?? ''}`,
        lease !== undefined && lease.mac === facts.lease?.mac && lease.clientId === facts.lease.clientId,
      );
      stage.check('and the only one', readLeases(stage.paths).length === 1);
      await stage.kubevip('lab', 'power', facts.owner, 'on', '--id', stage.id);
    },
  },
  {
    title: 'Taken back',
    async run(stage, facts) {
      const browser = stage.inBackground('laptop', 'avahi-browse', '-p', '_http._tcp');
      try {
        const seen = (event: '+' | '-'): string[] =>
          browser
            .output()
            .split('\n')
            .filter((line) => line.startsWith(`${event};eth0;`) && line.includes(';web;'));
        await stage.wait('avahi on the laptop watches', 10_000, () => seen('+').length > 0);
        await stage.kubevip('unexpose', 'web', '--yes');
        await stage.wait('avahi saw the goodbye', 10_000, () => seen('-').length > 0);
        for (const line of seen('-')) stage.say(line);
      } finally {
        browser.stop();
      }
      await stage.on('router', 'nft', 'list', 'chain', 'inet', 'filter', 'prerouting_miniupnpd');
      stage.check('the router has no mapping', (await readMappings(stage.paths)).length === 0);
      await stage.on('router', 'cat', stage.paths.leases);
      stage.check('dnsmasq has no lease of it', leaseOf(stage, facts.address) === undefined);
      for (const node of nodeNames(requireState(stage.paths).options)) {
        const { stdout } = await stage.on(node, 'ip', '-brief', 'address', 'show', 'eth0');
        stage.check(`${node} does not have the address`, !stdout.includes(facts.address));
      }
      const { code } = await stage.tryOn('internet', ...curl(ROUTER_URL));
      stage.check('and from the Internet nothing answers', code !== 0);
    },
  },
];

async function fromLaptop(stage: Stage, facts: Facts): Promise<void> {
  const byAddress = await stage.on('laptop', ...curl(`http://${facts.address}/`));
  stage.check('a pod answers by address', isHello(byAddress));
  const { stdout } = await stage.on('laptop', 'avahi-resolve', '-4', '-n', 'web.local');
  stage.check(`avahi resolves web.local to ${facts.address}`, stdout.trim().endsWith(facts.address));
  stage.check('a pod answers by name', isHello(await stage.on('laptop', ...curl('http://web.local/'))));
}

async function fromInternet(stage: Stage): Promise<void> {
  stage.check('a pod answers on port 8080 of the router', isHello(await stage.on('internet', ...curl(ROUTER_URL))));
}

function curl(url: string): string[] {
  return ['curl', '-sS', '--max-time', '3', url];
}

/** Whether a pod has answered, and not one on the node `except`. */
function isHello({ code, stdout }: Said, except?: string): boolean {
  const node = HELLO.exec(stdout)?.[1];
  return code === 0 && node !== undefined && node !== except;
}

function leaseOf(stage: Stage, address: string): DhcpLeaseRecord | undefined {
  return readLeases(stage.paths).find(({ ip }) => ip === address);
}

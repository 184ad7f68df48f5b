/** The interface is there, up, plugged in, and has an address and a way out. */
import { isLinkLocal } from '../../../model/ip.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import { lanLinks, nicOf } from '../nic.ts';
import type { Check, Scene } from '../request.ts';

export const nic: Check = {
  id: 'nic',
  run: async (scene) => {
    const links = scene.lan.links();
    const link = nicOf(links, scene.request);
    if (link === undefined) return [noSuchLink(scene)];
    const { name } = link;
    if (!link.up) return [await down(scene, name)];
    const addresses = link.addresses.filter(({ ip }) => !isLinkLocal(ip));
    if (addresses.length === 0) {
      return [
        error('nic-address', {
          what: `interface ${name} has no address`,
          why: 'Nodes reach each other by their addresses.',
          remedy: `give it one: networkctl renew ${name} || dhclient ${name}; then: ip address show ${name}`,
        }),
      ];
    }
    const found: Finding[] = [
      fine(
        'nic',
        `interface ${name} is up with ${addresses.map(({ ip, prefixLength }) => `${ip}/${prefixLength}`).join(', ')}`,
      ),
    ];
    if (links.every(({ gateway }) => gateway.v4 === undefined && gateway.v6 === undefined)) {
      found.push(
        warn('default-route', {
          what: 'there is no default route',
          why: 'Images cannot be pulled from the Internet, and programs that look for the address of this machine find none.',
          remedy: `ip route add default via ROUTER dev ${name}`,
        }),
      );
    }
    return found;
  },
};

function noSuchLink({ lan, request }: Scene): Finding {
  const names = lanLinks(lan.links()).map(({ name }) => name);
  const list = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
  return error('nic', {
    what:
      request.link === undefined
        ? `it is not clear which interface to use: ${list}`
        : `there is no interface ${request.link}: ${list}`,
    why: 'The virtual IP stands on one.',
    remedy: `--interface ${names[0] ?? 'NAME'}; ip -brief link lists them`,
  });
}

async function down({ machine }: Scene, name: string): Promise<Finding> {
  const shown = (await machine.run('ip', ['link', 'show', 'dev', name]))?.stdout ?? '';
  const flags = new Set(/<([^>]*)>/.exec(shown)?.[1]?.split(',') ?? []);
  if (shown === '' || flags.has('UP')) {
    return error('nic-carrier', {
      what: `interface ${name} has no carrier`,
      why: 'Nothing that is sent there arrives.',
      remedy: `plug in the cable, or switch on what it leads to; then: ip link show ${name}`,
    });
  }
  return error('nic-down', {
    what: `interface ${name} is down`,
    why: 'Nothing that is sent there arrives.',
    remedy: `ip link set ${name} up`,
    fix: {
      changes: [
        { kind: 'command', argv: ['ip', 'link', 'set', name, 'up'], undo: ['ip', 'link', 'set', name, 'down'] },
      ],
    },
  });
}

/** The name of the node: one that Kubernetes takes, that nobody else has, and that leads here. */
import { isDnsLabel } from '../../../model/dns-label.ts';
import { isLinkLocal } from '../../../model/ip.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import { nicOf } from '../nic.ts';
import type { Check } from '../request.ts';

/** What images of distributions call every machine. */
const OF_EVERYBODY = new Set(['localhost', 'localhost.localdomain']);
const LIKELY_OF_OTHERS = new Set(['debian', 'ubuntu', 'raspberrypi', 'fedora', 'archlinux', 'linux']);

export const nodeName: Check = {
  id: 'node-name',
  run: async ({ machine, lan, request }) => {
    const name = (request.nodeName ?? machine.facts().hostname).toLowerCase();
    const rename = 'hostnamectl set-hostname node-1, or --node-name node-1';
    if (name.length > 253 || !name.split('.').every(isDnsLabel)) {
      return [
        error('node-name', {
          what: `${JSON.stringify(name)} is no name for a node`,
          why: 'Kubernetes takes letters, digits, dashes and dots.',
          remedy: rename,
        }),
      ];
    }
    if (OF_EVERYBODY.has(name)) {
      return [
        error('node-name', {
          what: `this machine is called ${name}`,
          why: 'Every node needs a name of its own.',
          remedy: rename,
        }),
      ];
    }
    if (request.takenNames?.includes(name) === true && request.resuming !== true) {
      return [
        error('node-name-taken', {
          what: `there is a node ${name} in the cluster already`,
          why: 'Two nodes of one name take over each other’s pods.',
          remedy: `${rename}; if it was this machine: kubectl delete node ${name}`,
        }),
      ];
    }
    const findings: Finding[] = [];
    if (LIKELY_OF_OTHERS.has(name)) {
      findings.push(
        warn('node-name-common', {
          what: `this machine is called ${name}, as every new one is`,
          why: 'Every node needs a name of its own.',
          remedy: rename,
        }),
      );
    }
    const leads = await machine.resolve(name);
    if (leads.length === 0) {
      const own = nicOf(lan.links(), request)?.addresses.find(({ ip }) => !isLinkLocal(ip));
      const ip = own?.ip ?? '127.0.1.1';
      const line = `${ip} ${name}`;
      findings.push(
        warn('node-name-resolves', {
          what: `nothing says what the address of ${name} is`,
          why: 'kubeadm warns of it, and programs on this machine wait for the answer.',
          remedy: `echo '${line}' >> /etc/hosts`,
          fix: { changes: [{ kind: 'line', path: '/etc/hosts', line }] },
        }),
      );
    }
    return findings.length > 0 ? findings : [fine('node-name', `the node will be called ${name}`)];
  },
};

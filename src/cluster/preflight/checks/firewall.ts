/** A firewall that is on by default and knows nothing of Kubernetes. */
import { fine, warn, type Finding } from '../finding.ts';
import type { Check } from '../request.ts';
import { HEARTBEAT_PORTS } from '../../../manifests/names.ts';
import { portsOf } from './ports.ts';

export const firewall: Check = {
  id: 'firewall',
  run: async ({ machine, request }) => {
    const tcp = [...portsOf(request).keys()];
    const udp = request.role === 'worker' ? [HEARTBEAT_PORTS.services] : Object.values(HEARTBEAT_PORTS);
    const ports = [...tcp.map((port) => `${port}/tcp`), ...udp.map((port) => `${port}/udp`)];
    const why = `Other nodes reach this one on TCP ports ${tcp.join(', ')}, the agents hear each other on UDP ${udp.join(', ')}, and pods reach those of their network.`;
    const findings: Finding[] = [];
    if (/^running/.test((await machine.run('firewall-cmd', ['--state']))?.stdout ?? '')) {
      const adds = ports.map((port) => `--add-port=${port}`).join(' ');
      findings.push(
        warn('firewall', {
          what: 'firewalld is on',
          why,
          remedy: `firewall-cmd --permanent ${adds} && firewall-cmd --reload`,
        }),
      );
    }
    if (/^Status: active/m.test((await machine.run('ufw', ['status']))?.stdout ?? '')) {
      const first = ports.map((port) => `ufw allow ${port}`).join(' && ');
      findings.push(warn('firewall', { what: 'ufw is on', why, remedy: first }));
    }
    return findings.length > 0 ? findings : [fine('firewall', 'neither firewalld nor ufw is on')];
  },
};

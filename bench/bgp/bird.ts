/** BIRD 2 on a node of a lab, in place of an agent: it announces addresses to the router. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LAN, netnsOf, nodeAddresses, type LabPaths } from '../../src/lab/layout.ts';
import { ahead } from '../failover/probe/priority.ts';
import type { BfdPace } from '../../test/support/bgp/router.ts';
import { OUR_AS, ROUTER_AS } from '../../test/support/bgp-lab.ts';
import { HOLD_SECONDS, type Announcer } from './peering.ts';

export const BIRD = 'BIRD 2';

export interface BirdSettings {
  readonly addresses: readonly string[];
  /** They are announced once they are told to be. */
  readonly withheld?: boolean;
  readonly bfdPace?: BfdPace;
}

/** `ip netns exec` becomes BIRD: the pid is its own. It carries the lab's mark, so it ends with the lab. */
export function startBird(paths: LabPaths, node: string, settings: BirdSettings): Announcer {
  const file = (extension: string): string => join(paths.config, `${node}-bird.${extension}`);
  writeFileSync(file('conf'), configuration(paths, node, settings));
  // As agents do it themselves.
  const argv = [...ahead(), 'bird', '-f', '-c', file('conf'), '-s', file('ctl'), '-P', file('pid')];
  const child = spawn('ip', ['netns', 'exec', netnsOf(paths, node), ...argv], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, KUBEVIP_LAB_ID: paths.id },
  });
  const ended = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    announce: () => command(file('ctl'), 'enable addresses', 'enabled'),
    withdraw: () => command(file('ctl'), 'disable addresses', 'disabled'),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** By its control socket: to start a birdc would take longer than what is measured. */
async function command(path: string, line: string, wanted: string): Promise<void> {
  const socket = createConnection({ path });
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    // The last line of an answer has a space behind its code; the first of all is the greeting.
    if (/^(?!0001)\d{4} /m.test(said)) socket.destroy();
  });
  socket.write(`${line}\n`);
  await once(socket, 'close');
  if (!said.includes(wanted)) throw new Error(`BIRD was told to ${line} and says ${JSON.stringify(said)}`);
}

/** As soon as it can: its default is to wait five seconds before it calls, and one second is the least. */
function configuration(paths: LabPaths, node: string, { addresses, withheld, bfdPace }: BirdSettings): string {
  const { lan } = nodeAddresses(node);
  const bfd =
    bfdPace &&
    `protocol bfd {
  interface "*" { min rx interval ${bfdPace.intervalMs} ms; min tx interval ${bfdPace.intervalMs} ms; multiplier ${bfdPace.multiplier}; };
}`;
  return `router id ${lan};
log "${join(paths.logs, `${node}-bird.log`)}" all;
protocol device { }
protocol static addresses {
  ${withheld === true ? 'disabled;' : ''}
  ipv4;
${addresses.map((address) => `  route ${address}/32 blackhole;`).join('\n')}
}
${bfd ?? ''}
protocol bgp upstream {
  local ${lan} as ${OUR_AS};
  neighbor ${LAN.router} as ${ROUTER_AS};
  hold time ${HOLD_SECONDS}; keepalive time ${Math.floor(HOLD_SECONDS / 3)};
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${bfd === undefined ? '' : 'bfd on;'}
  ipv4 { import all; export where proto = "addresses"; };
}
`;
}

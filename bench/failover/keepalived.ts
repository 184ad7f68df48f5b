/** keepalived on two nodes of a lab of their own: the same namespaces and cables, the same power cuts. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureDaemon, stopDaemon } from '../../src/lab/daemons.ts';
import { powerOn } from '../../src/lab/faults.ts';
import type { LabPaths } from '../../src/lab/layout.ts';
import { ip } from '../../src/model/ip.ts';
import type { Milliseconds } from '../../src/model/time.ts';
import { withBenchLan, type BenchLan } from '../expose/bench-lab.ts';
import type { Contender } from './contender.ts';
import { openWitness, type Witness } from './witness.ts';

const VIP = ip('10.77.0.250');
const PRIORITY: Readonly<Record<string, number>> = { n1: 150, n2: 100 };

export async function withKeepalived<R>(work: (peer: Keepalived) => Promise<R>): Promise<R> {
  return await withBenchLan(2, async (lan) => {
    const witness = openWitness(lan);
    try {
      return await work(new Keepalived(lan, witness));
    } finally {
      witness.close();
    }
  });
}

export class Keepalived {
  readonly #lan: BenchLan;
  readonly #witness: Witness;

  constructor(lan: BenchLan, witness: Witness) {
    this.#lan = lan;
    this.#witness = witness;
  }

  /** Both nodes advertise at this interval from now on. */
  async at(advertMs: Milliseconds): Promise<Contender> {
    const [lan, witness] = [this.#lan, this.#witness];
    const { paths } = lan;
    const start = async (node: string): Promise<void> => {
      await powerOn(paths.id, node);
      await ensureDaemon(paths, daemon(paths, node, advertMs));
      // The one with the higher priority takes it back: the run after this begins as this one did.
      if ((await witness.holder(VIP)) !== 'n1') await witness.holder(VIP, 'n2');
      await delay(500 + 3 * advertMs * Math.random());
    };
    await Promise.all(lan.nodes.map((node) => stopDaemon(paths, `${node}-keepalived`)));
    for (const node of lan.nodes) await start(node);
    return {
      ...{ name: `keepalived ${advertMs} ms`, paths, witness, vip: VIP, restore: start },
      stop: async (node) => await stopDaemon(paths, `${node}-keepalived`),
    };
  }
}

function daemon(paths: LabPaths, node: string, advertMs: Milliseconds): Parameters<typeof ensureDaemon>[1] {
  const name = `${node}-keepalived`;
  const file = (extension: string): string => join(paths.config, `${name}.${extension}`);
  const pids = [file('pid'), file('vrrp.pid')];
  return {
    name,
    host: node,
    argv: ['keepalived', '-n', '-l', '-D', '-P', '-f', file('conf'), '-p', pids[0] ?? '', '-r', pids[1] ?? ''],
    stale: pids,
    files: { [file('conf')]: configuration(node, advertMs) },
    ready: (log) => log.includes('Entering BACKUP STATE'),
  };
}

function configuration(node: string, advertMs: Milliseconds): string {
  return `global_defs {
  router_id ${node}
  vrrp_version 3
  vrrp_garp_master_delay 1
}
vrrp_instance bench {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${PRIORITY[node] ?? 100}
  advert_int ${advertMs / 1000}
  virtual_ipaddress {
    ${VIP}/32 dev eth0
  }
}
`;
}

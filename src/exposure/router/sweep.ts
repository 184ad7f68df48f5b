/**
 * Mappings of this cluster that nobody remembers: of Services that were deleted past our finalizer while no agent ran.
 * Only mappings by UPnP bear our mark; what was made by PCP or NAT-PMP, and pinholes, run out by themselves.
 */
import type { Ip } from '../../model/ip.ts';
import type { RouterClient, TableEntry } from './client.ts';
import { ownerOfMapping, shortUid } from './description.ts';
import type { Gateway } from './gateway.ts';
import type { MappingRecord } from './port.ts';

export interface SweepRequest {
  /** Interface by name. */
  readonly link: string;
  readonly gateway: Ip;
  /** An address of this node, to look from. */
  readonly source: Ip;
  /** UID of the cluster. */
  readonly cluster: string;
  /** UIDs of all Services there are now. */
  readonly services: () => Iterable<string>;
  /** Whether an address is some Service's now. */
  readonly inUse: (ip: Ip) => boolean;
  /**
   * Puts an address that nobody has on this node, for routers in secure mode, which remove a mapping only for the address
   * it leads to. Gives the way to take it off again; undefined when somebody has it, or it cannot be had.
   */
  readonly borrow: (ip: Ip) => Promise<(() => void) | undefined>;
}

export interface Swept {
  readonly removed: readonly MappingRecord[];
  /** Those that the router keeps, until they run out. */
  readonly left: readonly MappingRecord[];
}

/** A mapping that is not surely ours, or leads to an address somebody has, is left alone. */
export async function sweepRouter(gateway: Gateway, request: SweepRequest, signal: AbortSignal): Promise<Swept> {
  const removed: MappingRecord[] = [];
  const left: MappingRecord[] = [];
  for await (const client of gateway.clients(request.source, signal)) {
    const table = await client.list(request.source, signal);
    for (const entry of table ?? []) {
      if (!isOrphan(entry, request)) continue;
      const gone = await remove(client, entry.record, request, signal);
      (gone ? removed : left).push(entry.record);
    }
    if (table) break;
  }
  return { removed, left };
}

function isOrphan({ description, internalIp }: TableEntry, { cluster, services, inUse }: SweepRequest): boolean {
  const owner = ownerOfMapping(description);
  if (owner?.cluster !== shortUid(cluster) || inUse(internalIp)) return false;
  return ![...services()].some((uid) => shortUid(uid) === owner.uid);
}

async function remove(
  client: RouterClient,
  record: MappingRecord,
  { source, borrow }: SweepRequest,
  signal: AbortSignal,
): Promise<boolean> {
  if ((await client.unmap(record, source, signal)).kind === 'gone') return true;
  const giveBack = await borrow(record.internalIp);
  if (!giveBack) return false;
  try {
    return (await client.unmap(record, record.internalIp, signal)).kind === 'gone';
  } finally {
    giveBack();
  }
}

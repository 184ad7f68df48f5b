/** Mappings by UPnP: WANIPConnection:1 and :2, WANPPPConnection:1. */
import { DecodeError } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import {
  addPortMappingArguments,
  decodeExternalAddress,
  decodeGenericEntry,
  decodeSpecificEntry,
  indexArguments,
  keyArguments,
  type PortMappingEntry,
} from '../../protocols/igd/actions.ts';
import type { IgdReason } from '../../protocols/igd/faults.ts';
import type {
  FindAnswer,
  MapAnswer,
  Mapped,
  MappingAsk,
  Refused,
  RouterClient,
  TableEntry,
  UnmapAnswer,
} from './client.ts';
import { printable } from './description.ts';
import type { RouterIo } from './exchange.ts';
import { callIgd, refusedBy, type Called, type IgdEndpoint } from './igd-call.ts';
import { leaseSeconds, leaseSecondsOrForever } from './lifetime.ts';
import type { MappingRecord, WantedPort } from './port.ts';

export interface IgdClientOptions extends RouterIo, IgdEndpoint {
  readonly method: 'igd1' | 'igd2';
  readonly gateway: Ip;
}

type Entry =
  { readonly kind: 'entry'; readonly entry: PortMappingEntry } | Exclude<FindAnswer, { kind: 'ours' | 'foreign' }>;

export function createIgdClient(options: IgdClientOptions): RouterClient {
  const { method, gateway, serviceType, controlUrl } = options;

  const call = (
    action: string,
    args: Parameters<typeof callIgd>[3],
    source: Ip,
    signal?: AbortSignal,
  ): Promise<Called> => callIgd(options, { serviceType, controlUrl }, action, args, source, signal);

  const entryAt = async (port: WantedPort, source: Ip, signal?: AbortSignal): Promise<Entry> => {
    const answer = await call('GetSpecificPortMappingEntry', keyArguments(port), source, signal);
    if (answer.kind === 'unreachable') return answer;
    if (answer.kind === 'fault') return isAbsence(answer) ? { kind: 'absent' } : listed(port, source, signal);
    const entry = readable(() => decodeSpecificEntry(answer.values, port));
    return entry ? { kind: 'entry', entry } : { kind: 'unknown' };
  };

  /** The slow way, for routers that answer no question about one entry. */
  const listed = async (port: WantedPort, source: Ip, signal?: AbortSignal): Promise<Entry> => {
    for (let index = 0; index < LONGEST_LIST; index++) {
      const answer = await call('GetGenericPortMappingEntry', indexArguments(index), source, signal);
      if (answer.kind === 'unreachable') return answer;
      if (answer.kind === 'fault') return { kind: isAbsence(answer) ? 'absent' : 'unknown' };
      const entry = readable(() => decodeGenericEntry(answer.values));
      if (entry?.protocol === port.protocol && entry.externalPort === port.externalPort)
        return { kind: 'entry', entry };
    }
    return { kind: 'unknown' };
  };

  const find = async (port: MappingAsk, signal?: AbortSignal): Promise<FindAnswer> => {
    const found = await entryAt(port, port.source, signal);
    if (found.kind !== 'entry') return found;
    const { entry } = found;
    if (entry.internalIp === port.source && entry.internalPort === port.internalPort && entry.enabled)
      return { kind: 'ours', left: entry.lease * 1000 };
    return { kind: 'foreign', holder: holderOf(entry) };
  };

  const add = async (port: MappingAsk, signal?: AbortSignal): Promise<Called> => {
    const entry = { ...port, internalIp: port.source };
    const once = (lease: number): Promise<Called> =>
      call('AddPortMapping', addPortMappingArguments({ ...entry, lease }), port.source, signal);
    const lease = method === 'igd1' ? leaseSecondsOrForever(port.lifetime) : leaseSeconds(port.lifetime);
    const answer = await once(lease);
    // Version 1 routers that know no leases say so by 725 or, older ones, by 402.
    const noLeases =
      answer.kind === 'fault' && (answer.reason === 'only-permanent-leases' || answer.reason === 'invalid-arguments');
    if (noLeases && lease !== 0) return once(0);
    // And some know no mapping without end, which they say by whatever comes to mind.
    const noForever = answer.kind === 'fault' && lease === 0 && !FINAL.includes(answer.reason);
    return noForever ? once(leaseSeconds(0)) : answer;
  };

  const remove = (port: WantedPort, source: Ip, signal?: AbortSignal): Promise<Called> =>
    call('DeletePortMapping', keyArguments(port), source, signal);

  return {
    method,
    gateway,
    find,

    async map(port, signal): Promise<MapAnswer> {
      const before = await entryAt(port, port.source, signal);
      if (before.kind === 'unreachable') return before;
      if (before.kind === 'entry' && !replaceable(before.entry, port))
        return { kind: 'taken', holder: holderOf(before.entry) };
      // Many routers refuse to change an entry, but not to make it anew.
      if (before.kind === 'entry' && !same(before.entry, port)) await remove(port, port.source, signal);
      const own = before.kind === 'entry' && same(before.entry, port);
      let added = await add(port, signal);
      if (own && added.kind === 'fault' && added.reason === 'conflict') {
        await remove(port, port.source, signal);
        added = await add(port, signal);
      }
      if (added.kind === 'unreachable') return added;
      const after = await entryAt(port, port.source, signal);
      if (added.kind === 'fault') return after.kind === 'entry' ? conflictOr(added, after.entry) : refusedBy(added);
      if (after.kind === 'unreachable') return after;
      if (after.kind === 'absent') return NOT_LISTED;
      if (after.kind === 'entry' && !same(after.entry, port)) return { kind: 'taken', holder: holderOf(after.entry) };
      const granted = after.kind === 'entry' ? grantedOf(after.entry.lease * 1000, port) : port.lifetime;
      return { kind: 'mapped', record: recordOf(port, granted, options) };
    },

    async unmap(record, source, signal): Promise<UnmapAnswer> {
      const before = await entryAt(record, source, signal);
      if (before.kind === 'unreachable') return before;
      if (before.kind === 'absent' || (before.kind === 'entry' && !leadsTo(before.entry, record))) return GONE;
      const removed = await remove(record, source, signal);
      if (removed.kind === 'unreachable') return removed;
      if (removed.kind === 'fault' && !isAbsence(removed)) return refusedBy(removed);
      // Some routers say yes and keep it.
      const after = await entryAt(record, source, signal);
      if (after.kind === 'unreachable') return after;
      return after.kind === 'entry' && leadsTo(after.entry, record) ? STILL_LISTED : GONE;
    },

    async list(source, signal) {
      const entries: TableEntry[] = [];
      for (let index = 0; index < LONGEST_LIST; index++) {
        const answer = await call('GetGenericPortMappingEntry', indexArguments(index), source, signal);
        if (answer.kind === 'unreachable') return undefined;
        if (answer.kind === 'fault') return isAbsence(answer) || index > 0 ? entries : undefined;
        const entry = readable(() => decodeGenericEntry(answer.values));
        if (!entry) continue;
        const { protocol, internalIp, internalPort, externalPort, description } = entry;
        const port = { protocol, internalIp, internalPort, externalPort };
        entries.push({ ...port, description, record: { ...port, method, gateway, controlUrl, serviceType } });
      }
      return entries;
    },

    async check(source, signal) {
      const answer = await call('GetExternalIPAddress', [], source, signal);
      if (answer.kind === 'unreachable') return answer;
      const externalIp = answer.kind === 'done' ? decodeExternalAddress(answer.values) : undefined;
      return { kind: 'alive', ...(externalIp === undefined ? {} : { externalIp }) };
    },
  };
}

/** Refusals that no other lease would change. */
const FINAL: readonly IgdReason[] = ['conflict', 'not-authorized', 'table-full', 'unknown-action'];
/** Of a router's table; a hostile one would never end. */
const LONGEST_LIST = 256;
const GONE = { kind: 'gone' } as const;
const NOT_LISTED: Refused = {
  kind: 'refused',
  code: 'NotListed',
  words: 'the router says yes, but does not list the mapping afterwards',
};
const STILL_LISTED: Refused = {
  kind: 'refused',
  code: 'StillListed',
  words: 'the router says that it removed the mapping, but still lists it',
};

function readable<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** 713 comes from routers that mistake the question for one about their list. */
function isAbsence({ reason }: Extract<Called, { kind: 'fault' }>): boolean {
  return reason === 'no-such-entry' || reason === 'end-of-list';
}

function same(entry: PortMappingEntry, port: MappingAsk): boolean {
  return entry.internalIp === port.source && entry.internalPort === port.internalPort && entry.enabled;
}

/** Free for us to overwrite: it leads to where we want it, or it carries our name and led to us before. */
function replaceable(entry: PortMappingEntry, port: MappingAsk): boolean {
  if (entry.internalIp === port.source && entry.internalPort === port.internalPort) return true;
  const ours = entry.internalIp === port.source || port.formerIps.includes(entry.internalIp);
  return ours && entry.description === port.description;
}

function leadsTo(entry: PortMappingEntry, record: MappingRecord): boolean {
  return entry.internalIp === record.internalIp && entry.internalPort === record.internalPort;
}

/** A fault on a port that somebody has is a conflict, whichever code the router has for it. */
function conflictOr(added: Extract<Called, { kind: 'fault' }>, entry: PortMappingEntry): MapAnswer {
  return added.reason === 'conflict' ? { kind: 'taken', holder: holderOf(entry) } : refusedBy(added);
}

/** What is left a moment after it was asked for is what was asked for; otherwise the router has its own mind. */
function grantedOf(left: Milliseconds, { lifetime }: MappingAsk): Milliseconds {
  return left !== 0 && left <= lifetime && lifetime - left < 10_000 ? lifetime : left;
}

function holderOf({ internalIp, internalPort, description }: PortMappingEntry): {
  ip: Ip;
  port: number;
  description: string;
} {
  return { ip: internalIp, port: internalPort, description: printable(description, 40) };
}

function recordOf(port: MappingAsk, lifetime: Milliseconds, options: IgdClientOptions): Mapped['record'] {
  const { protocol, internalPort, externalPort, source } = port;
  const { method, gateway, controlUrl, serviceType } = options;
  return {
    protocol,
    internalPort,
    externalPort,
    internalIp: source,
    method,
    gateway,
    lifetime,
    controlUrl,
    serviceType,
  };
}

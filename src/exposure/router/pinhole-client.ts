/** Pinholes by UPnP: WANIPv6FirewallControl:1 of a second-version router. Requests come from the address they are for. */
import { DecodeError } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import {
  addPinholeArguments,
  decodeFirewallStatus,
  decodeUniqueId,
  PINHOLE_LONGEST_LEASE,
  pinholeArguments,
  updatePinholeArguments,
  type FirewallStatus,
  type Pinhole,
} from '../../protocols/igd/pinhole.ts';
import type { SoapArguments } from '../../protocols/igd/soap.ts';
import type { IgdReason } from '../../protocols/igd/faults.ts';
import {
  onlyItself,
  type FindAnswer,
  type MapAnswer,
  type Mapped,
  type MappingAsk,
  type Refused,
  type RouterClient,
  type Unreachable,
  type UnmapAnswer,
} from './client.ts';
import type { RouterIo } from './exchange.ts';
import { callIgd, refusedBy, type Called, type IgdEndpoint } from './igd-call.ts';
import { leaseSeconds } from './lifetime.ts';
import type { MappingRecord } from './port.ts';

export interface PinholeClientOptions extends RouterIo, IgdEndpoint {
  readonly gateway: Ip;
}

export function createPinholeClient(options: PinholeClientOptions): RouterClient {
  const { gateway } = options;

  const call = (action: string, args: SoapArguments, source: Ip, signal?: AbortSignal): Promise<Called> =>
    callIgd(options, options, action, args, source, signal);

  /** Undefined when the router does not say. */
  const status = async (source: Ip, signal?: AbortSignal): Promise<FirewallStatus | undefined> => {
    const answer = await call('GetFirewallStatus', [], source, signal);
    return answer.kind === 'done' ? decodeFirewallStatus(answer.values) : undefined;
  };

  /**
   * By its number, which the router gives to another pinhole once it has forgotten ours: so never after a restart, and
   * every other answer than a yes means that there has to be a new one.
   */
  const update = async (port: MappingAsk, lease: number, signal?: AbortSignal): Promise<MapAnswer | undefined> => {
    if (port.uniqueId === undefined) return undefined;
    const answer = await call('UpdatePinhole', updatePinholeArguments(port.uniqueId, lease), port.source, signal);
    if (answer.kind === 'unreachable') return answer;
    return answer.kind === 'done' ? mapped(port, lease, options, port.uniqueId) : undefined;
  };

  /** One that is there is only made to last: the router gives back the number it has. */
  const add = (port: Omit<Pinhole, 'lease' | 'internalIp'>, lease: number, source: Ip, signal?: AbortSignal) =>
    call('AddPinhole', addPinholeArguments({ ...port, internalIp: source, lease }), source, signal);

  /** Routers have one code or another for a firewall that is off, or that devices may not open. */
  const whyNot = async (fault: Fault, { source, internalPort }: MappingAsk, signal?: AbortSignal) => {
    if (fault.reason === 'firewall-off') return 'open';
    const firewall = fault.reason === 'pinholes-not-allowed' ? undefined : await status(source, signal);
    if (firewall?.enabled === false) return 'open';
    if (firewall?.pinholesAllowed === false) return NOT_ALLOWED;
    const refused = refusedBy(fault);
    if (fault.reason !== 'not-authorized' || internalPort >= 1024) return refused;
    return { ...refused, words: `${refused.words}, or opens no port below 1024 by UPnP, as many do` };
  };

  /** By its number, or for a pinhole that PCP made the number that UPnP has for it. */
  const numberOf = async (record: MappingRecord, signal?: AbortSignal): Promise<string | UnmapAnswer> => {
    if (record.uniqueId !== undefined) return record.uniqueId;
    const added = await add(record, SHORTEST_LEASE, record.internalIp, signal);
    if (added.kind === 'unreachable') return added;
    if (added.kind === 'fault') return added.reason === 'firewall-off' ? GONE : refusedBy(added);
    return readId(added.values) ?? NO_NUMBER;
  };

  const isThere = async (uniqueId: string, source: Ip, signal?: AbortSignal): Promise<Presence> => {
    for (const action of ['GetPinholePackets', 'CheckPinholeWorking']) {
      const answer = await call(action, pinholeArguments(uniqueId), source, signal);
      if (answer.kind === 'unreachable') return answer;
      if (answer.kind === 'done' || answer.reason === 'no-traffic') return 'yes';
      if (ELSEWHERE.includes(answer.reason)) return 'no';
    }
    return 'unknown';
  };

  return {
    method: 'igd2',
    gateway,

    async map(port, signal): Promise<MapAnswer> {
      const lease = Math.min(leaseSeconds(port.lifetime), PINHOLE_LONGEST_LEASE);
      const updated = await update(port, lease, signal);
      if (updated) return updated;
      const added = await add(port, lease, port.source, signal);
      if (added.kind === 'unreachable') return added;
      if (added.kind === 'done') {
        const uniqueId = readId(added.values);
        return uniqueId === undefined ? NO_NUMBER : mapped(port, lease, options, uniqueId);
      }
      const answer = await whyNot(added, port, signal);
      return answer === 'open' ? mapped(port, lease, options) : answer;
    },

    async find({ uniqueId, source, lifetime }, signal): Promise<FindAnswer> {
      if (uniqueId === undefined) {
        const firewall = await status(source, signal);
        return firewall ? (firewall.enabled ? ABSENT : { kind: 'ours', left: lifetime }) : { kind: 'unknown' };
      }
      const there = await isThere(uniqueId, source, signal);
      if (typeof there !== 'string') return there;
      return there === 'yes' ? { kind: 'ours', left: lifetime } : there === 'no' ? ABSENT : { kind: 'unknown' };
    },

    async unmap(record, source, signal) {
      if (record.internalIp !== source) return onlyItself(record.internalIp);
      const uniqueId = await numberOf(record, signal);
      if (typeof uniqueId !== 'string') return uniqueId;
      const removed = await call('DeletePinhole', pinholeArguments(uniqueId), source, signal);
      if (removed.kind === 'unreachable') return removed;
      if (removed.kind === 'done' || (await isThere(uniqueId, source, signal)) === 'no') return GONE;
      return refusedBy(removed);
    },

    /** A firewall shows its pinholes to nobody. */
    list: () => Promise.resolve(undefined),

    async check(source, signal) {
      const answer = await call('GetFirewallStatus', [], source, signal);
      return answer.kind === 'unreachable' ? answer : { kind: 'alive' };
    },
  };
}

type Fault = Extract<Called, { kind: 'fault' }>;
type Presence = 'yes' | 'no' | 'unknown' | Unreachable;

const ABSENT = { kind: 'absent' } as const;
const GONE = { kind: 'gone' } as const;
/** Seconds; for a pinhole that is made to last only until it is removed. */
const SHORTEST_LEASE = 60;
/** What routers say of a number that they do not know, or that is another machine's by now. */
const ELSEWHERE: readonly IgdReason[] = ['no-such-entry', 'not-authorized', 'invalid-arguments'];
const NOT_ALLOWED: Refused = {
  kind: 'refused',
  code: '703 InboundPinholeNotAllowed',
  words: 'its settings do not let devices open its IPv6 firewall',
};
const NO_NUMBER: Refused = {
  kind: 'refused',
  code: 'NoUniqueID',
  words: 'the router says yes, but not by which number the pinhole is to be known',
};

function readId(values: ReadonlyMap<string, string>): string | undefined {
  try {
    return decodeUniqueId(values);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function mapped(port: MappingAsk, lease: number, options: PinholeClientOptions, uniqueId?: string): Mapped {
  const { protocol, internalPort, source } = port;
  const { gateway, controlUrl, serviceType } = options;
  const lifetime: Milliseconds = lease * 1000;
  const record: MappingRecord & { lifetime: Milliseconds } = {
    protocol,
    internalPort,
    externalPort: internalPort,
    internalIp: source,
    method: 'igd2',
    gateway,
    externalIp: source,
    lifetime,
    controlUrl,
    serviceType,
    ...(uniqueId === undefined ? {} : { uniqueId }),
  };
  return { kind: 'mapped', record };
}

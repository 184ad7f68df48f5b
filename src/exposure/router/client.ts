/**
 * What the stage needs of a router, whatever it speaks: one client per method. Answers are values, not exceptions,
 * since each of them is something a router may rightly say. Every adapter passes test/compliance/router.
 */
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { MappingMethod, MappingRecord, WantedPort } from './port.ts';

export interface MappingAsk extends WantedPort {
  /** The virtual IP: target of the mapping, and source of the request, as routers in secure mode want it. */
  readonly source: Ip;
  /** 0 = until removed. */
  readonly lifetime: Milliseconds;
  /** What the router's own pages show. */
  readonly description: string;
  /** UID of the Service: makes the mapping the same for every node. */
  readonly uid: string;
  /** Addresses the Service had before: a mapping of ours that leads there may be replaced. */
  readonly formerIps: readonly Ip[];
  /** The mapping was there at the last look, and is to be refreshed. */
  readonly known: boolean;
  /** The number it then had, for a pinhole. */
  readonly uniqueId?: string;
}

export interface RouterClient {
  readonly method: MappingMethod;
  readonly gateway: Ip;
  /**
   * Make the mapping, or make it last as long again. Never takes a port from somebody else, and never leaves one
   * behind under another number than asked for.
   * @param wanted where there is a queue: whether it is still to be sent when its turn comes. Default: `signal`.
   */
  map(ask: MappingAsk, signal?: AbortSignal, wanted?: AbortSignal): Promise<MapAnswer>;
  /** Read back from the router who has the external port. */
  find(ask: MappingAsk, signal?: AbortSignal): Promise<FindAnswer>;
  /** Remove a mapping of ours. One that is not there, or belongs to somebody else by now, counts as gone. */
  unmap(record: MappingRecord, source: Ip, signal?: AbortSignal): Promise<UnmapAnswer>;
  /** Everything in the router's table, as far as it shows it. Only UPnP can tell; undefined where it does not. */
  list(source: Ip, signal?: AbortSignal): Promise<readonly TableEntry[] | undefined>;
  /** A cheap sign of life, with the outer address where the method tells it. */
  check(source: Ip, signal?: AbortSignal): Promise<CheckAnswer>;
}

/** One line of a router's table. */
export interface TableEntry extends WantedPort {
  readonly internalIp: Ip;
  readonly description: string;
  /** What it takes to have it removed. */
  readonly record: MappingRecord;
}

/** Who has a port, as far as the router tells. */
export interface Holder {
  readonly ip?: Ip;
  readonly port?: number;
  readonly description?: string;
}

export interface Unreachable {
  readonly kind: 'unreachable';
  /** The question could not even be sent: the trouble is on this node, not at the router. */
  readonly local?: true;
  /** What happened, for people. */
  readonly words: string;
}

export interface Refused {
  readonly kind: 'refused';
  /** The router's code, by name and number: `718 ConflictInMappingEntry`. */
  readonly code: string;
  readonly words: string;
  /** It could not be removed, but was made to run out within this time. */
  readonly expiresIn?: Milliseconds;
  /** The router said when to ask again. */
  readonly retryAfter?: Milliseconds;
  /** The router's outer address, if the refusal may come from that: many open no port without a public one. */
  readonly outer?: Ip | 'none';
}

export interface Mapped {
  readonly kind: 'mapped';
  readonly record: MappingRecord & { readonly lifetime: Milliseconds };
}

export interface Taken {
  readonly kind: 'taken';
  readonly holder?: Holder;
}

export type MapAnswer = Mapped | Taken | Refused | Unreachable;
export type FindAnswer =
  | { readonly kind: 'ours'; readonly left: Milliseconds }
  | { readonly kind: 'foreign'; readonly holder: Holder }
  | { readonly kind: 'absent' }
  /** The method or this router has no way to tell. */
  | { readonly kind: 'unknown' }
  | Unreachable;
export type UnmapAnswer = { readonly kind: 'gone' } | Refused | Unreachable;
export type CheckAnswer = { readonly kind: 'alive'; readonly externalIp?: Ip } | Unreachable;

/** Told of the epoch in every answer of a PCP server or NAT-PMP gateway, in seconds. */
export type EpochHeard = (method: 'pcp' | 'nat-pmp', epoch: number) => void;

/** A request that was not answered in time, and whatever it may have done is undone. */
export const NOT_IN_TIME: Refused = {
  kind: 'refused',
  code: 'NoAnswer',
  words: 'it did not answer in time, as some do that search for another port meanwhile',
};

/** A grant of 0 s: the mapping is gone as soon as it is made. */
export const FOR_NO_TIME: Refused = {
  kind: 'refused',
  code: 'NoLifetime',
  words: 'it says yes, but for no time at all',
};

/** PCP and NAT-PMP know whose mapping it is by the source of the request. */
export function onlyItself(internalIp: Ip): Refused {
  return { kind: 'refused', code: 'OtherSource', words: `only ${internalIp} itself may remove it` };
}

/** Takes down how long each failover took, and where the time went. Addresses that moved together are one failover. */
import type { FailoverRecord } from '../../model/failover-record.ts';
import type { Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { Takeover } from '../ownership/port.ts';

/** More of the same owner's addresses may follow. */
const TOGETHER: Milliseconds = 500;
/** An address that is not announced by then has trouble of another kind. */
const PATIENCE: Milliseconds = 5000;
const KEPT = 20;

export interface FlightRecorder {
  /** An address became this node's. */
  takeover(takeover: Takeover): void;
  /** The kernel was given the address. Any address, at any time. */
  placed(ip: Ip): void;
  /** The LAN was told of the address. Likewise. */
  announced(ip: Ip): void;
  /** Whether addresses that came here within the last moment are still to be announced. */
  isUnderWay(): boolean;
  /** The last twenty, newest first. */
  records(): readonly FailoverRecord[];
  /** Called with each failover once it is over. */
  onRecord(callback: (record: FailoverRecord) => void): () => void;
}

export interface RecorderOptions {
  /** This node. */
  readonly node: string;
  readonly clock: Clock;
}

interface Flight {
  readonly first: Takeover;
  readonly addresses: Map<Ip, { placed?: Milliseconds; announced?: Milliseconds }>;
  readonly began: Milliseconds;
  /** Not announced yet. */
  missing: number;
  last: Milliseconds;
  timer: Timer;
}

export function createFlightRecorder({ node, clock }: RecorderOptions): FlightRecorder {
  /** By who had the addresses, and why they moved. */
  const open = new Map<string, Flight>();
  const records: FailoverRecord[] = [];
  const callbacks = new Set<(record: FailoverRecord) => void>();

  const note = (ip: Ip, what: 'placed' | 'announced'): void => {
    for (const flight of open.values()) {
      const known = flight.addresses.get(ip);
      if (known?.[what] !== undefined || !known) continue;
      known[what] = clock.now();
      if (what === 'announced') flight.missing--;
    }
  };
  const look = (key: string, flight: Flight): void => {
    const now = clock.now();
    const end = flight.missing === 0 ? flight.last + TOGETHER : flight.began + PATIENCE;
    if (now < Math.min(end, flight.began + PATIENCE)) {
      flight.timer = clock.after(TOGETHER, () => look(key, flight));
      return;
    }
    open.delete(key);
    const record = recordOf(flight, node, clock);
    records.unshift(record);
    records.splice(KEPT);
    for (const callback of [...callbacks]) callback(record);
  };

  return {
    takeover: (takeover) => {
      const key = `${takeover.cause} ${takeover.from}`;
      const now = clock.now();
      const known = open.get(key);
      if (known) known.last = now;
      const flight: Flight = known ?? {
        first: takeover,
        addresses: new Map(),
        began: now,
        missing: 0,
        last: now,
        timer: clock.after(TOGETHER, () => look(key, flight)),
      };
      const before = flight.addresses.get(takeover.address);
      if (!before || before.announced !== undefined) flight.missing++;
      flight.addresses.set(takeover.address, {});
      open.set(key, flight);
    },
    placed: (ip) => note(ip, 'placed'),
    announced: (ip) => note(ip, 'announced'),
    isUnderWay: () => [...open.values()].some(({ missing, last }) => missing > 0 && clock.now() - last < TOGETHER),
    records: () => records,
    onRecord: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
}

function recordOf({ first, addresses }: Flight, to: string, clock: Clock): FailoverRecord {
  const { cause, from, lastHeard, detected, decided } = first;
  const all = [...addresses.values()];
  const placed = all.flatMap((one) => one.placed ?? []);
  const announced = all.flatMap((one) => one.announced ?? []);
  const missing = all.length - announced.length;
  const [now, wall] = [clock.now(), clock.wall().getTime()];
  const iso = (at: Milliseconds): string => new Date(wall - (now - at)).toISOString();
  const start = lastHeard ?? detected ?? decided;
  const end = Math.max(decided, ...(announced.length > 0 ? announced : placed));
  return {
    cause,
    from,
    to,
    addresses: all.length,
    ...(lastHeard === undefined ? {} : { lastHeard: iso(lastHeard) }),
    ...(detected === undefined ? {} : { detected: iso(detected) }),
    decided: iso(decided),
    ...(placed.length === 0 ? {} : { placed: iso(Math.max(...placed)) }),
    ...(announced.length === 0 ? {} : { announced: iso(Math.min(...announced)) }),
    seconds: Math.round(end - start) / 1000,
    ...(missing === 0 ? {} : { missing }),
  };
}

/**
 * An etcd in simulated time, as its JSON gateway shows it: leases that run out and take their keys with them, revisions,
 * a watch. Held to the same suite as a real one (`etcd-suite.ts`).
 */
import type { EtcdWire } from '../../src/exposure/ownership/etcd/port.ts';
import { KubevipError } from '../../src/model/errors.ts';
import type { Clock, Milliseconds, Timer } from '../../src/model/time.ts';

interface Key {
  readonly value: string;
  readonly lease: string;
  readonly revision: bigint;
}

interface Lease {
  readonly ttl: number;
  since: Milliseconds;
  timer: Timer | undefined;
}

interface Watch {
  readonly of: string;
  readonly from: string;
  readonly to: string;
  readonly onMessage: (message: unknown) => void;
}

export interface FakeEtcd {
  /** As a client of this name has it. */
  wire: (name: string) => EtcdWire;
  /** Nothing goes from or to this client any more, without a word. */
  cut(name: string, isCut: boolean): void;
  /** All of it is away. Leases stand still meanwhile, and begin anew. */
  setDown(isDown: boolean): void;
  /** Values in the order in which their keys were made. */
  candidates(election: string): string[];
  /** Takes a key away, as a person does. */
  delete(election: string, value: string): void;
  /** Requests that were answered. */
  readonly log: string[];
}

/** @param delay of a message, one way */
export function createFakeEtcd(clock: Clock, delay: () => Milliseconds = () => 1): FakeEtcd {
  const keys = new Map<string, Key>();
  const leases = new Map<string, Lease>();
  const watches = new Set<Watch>();
  const cut = new Set<string>();
  const log: string[] = [];
  let revision = 1n;
  let nextLease = 0x10;
  let isDown = false;

  const reaches = (name: string): boolean => !isDown && !cut.has(name);
  const inRange = (key: string, from: string, to: string): boolean => key >= from && key < to;
  const changed = (key: string): void => {
    for (const watch of watches) {
      if (!inRange(key, watch.from, watch.to)) continue;
      clock.after(delay(), () => {
        if (watches.has(watch) && reaches(watch.of)) watch.onMessage({ result: { events: [{}] } });
      });
    }
  };
  const remove = (key: string): void => {
    keys.delete(key);
    revision++;
    changed(key);
  };
  const drop = (id: string): void => {
    leases.get(id)?.timer?.cancel();
    leases.delete(id);
    for (const [key, { lease }] of [...keys]) if (lease === id) remove(key);
  };
  const renew = (id: string, lease: Lease): void => {
    lease.since = clock.now();
    lease.timer?.cancel();
    lease.timer = isDown ? undefined : clock.after(lease.ttl * 1000, () => drop(id));
  };
  const missing = { code: 5, message: 'etcdserver: requested lease not found' };

  const answer = (path: string, body: Record<string, unknown>): unknown => {
    const id = String(body['ID']);
    const lease = leases.get(id);
    switch (path) {
      case '/v3/lease/grant': {
        const granted: Lease = { ttl: Math.max(2, Number(body['TTL'])), since: clock.now(), timer: undefined };
        const name = String(nextLease++);
        leases.set(name, granted);
        renew(name, granted);
        return { ID: name, TTL: String(granted.ttl) };
      }
      case '/v3/lease/keepalive':
        if (!lease) return { result: { ID: id } };
        renew(id, lease);
        return { result: { ID: id, TTL: String(lease.ttl) } };
      case '/v3/lease/revoke':
        if (!lease) return missing;
        drop(id);
        return {};
      case '/v3/lease/timetolive': {
        if (!lease) return { ID: id, TTL: '-1' };
        const left = Math.floor(lease.ttl - (clock.now() - lease.since) / 1000);
        return { ID: id, ...(left > 0 ? { TTL: String(left) } : {}), grantedTTL: String(lease.ttl) };
      }
      case '/v3/kv/range': {
        const [from, to] = rangeOf(body);
        const kvs = [...keys]
          .filter(([key]) => inRange(key, from, to))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([, key]) => ({ value: base64(key.value), lease: key.lease, create_revision: String(key.revision) }));
        return kvs.length === 0 ? {} : { kvs };
      }
      case '/v3/kv/txn': {
        const [{ request_put: put }] = body['success'] as [{ request_put: Record<'key' | 'value' | 'lease', string> }];
        if (!leases.has(put.lease)) return missing;
        const key = text(put.key);
        if (keys.has(key)) return {};
        keys.set(key, { value: text(put.value), lease: put.lease, revision: ++revision });
        changed(key);
        return { succeeded: true };
      }
      default:
        return { code: 12, message: 'unimplemented' };
    }
  };

  return {
    log,
    cut(name, isCut) {
      if (isCut) cut.add(name);
      else cut.delete(name);
    },
    setDown(down) {
      isDown = down;
      for (const [id, lease] of leases) renew(id, lease);
    },
    candidates: (election) =>
      [...keys]
        .filter(([key]) => key.startsWith(`${election}/`))
        .sort(([, a], [, b]) => (a.revision < b.revision ? -1 : 1))
        .map(([, { value }]) => value),
    delete(election, value) {
      for (const [key, kept] of [...keys]) if (key.startsWith(`${election}/`) && kept.value === value) remove(key);
    },
    wire(name) {
      let isClosed = false;
      return {
        post: ({ path, body }, timeoutMs) =>
          new Promise((resolve, reject) => {
            const timer = clock.after(timeoutMs, () =>
              reject(new KubevipError(`etcd at ${name}: no answer in time`, { code: 'ETCD_UNREACHABLE' })),
            );
            clock.after(delay(), () => {
              if (!reaches(name) || isClosed) return;
              const said = answer(path, body as Record<string, unknown>);
              log.push(`${name} ${path}`);
              clock.after(delay(), () => {
                if (!reaches(name) || isClosed) return;
                timer.cancel();
                resolve(said);
              });
            });
          }),
        stream({ body }, { onMessage }) {
          const [from, to] = rangeOf((body as { create_request: Record<string, unknown> }).create_request);
          const watch: Watch = { of: name, from, to, onMessage };
          clock.after(delay(), () => {
            if (!reaches(name) || isClosed) return;
            watches.add(watch);
            onMessage({ result: { created: true } });
          });
          return { close: () => void watches.delete(watch) };
        },
        close: () => {
          isClosed = true;
        },
      };
    },
  };
}

function rangeOf(body: Record<string, unknown>): readonly [string, string] {
  return [text(String(body['key'])), text(String(body['range_end']))];
}

function base64(value: string): string {
  return Buffer.from(value).toString('base64');
}

function text(value: string): string {
  return Buffer.from(value, 'base64').toString();
}

/** Routers in memory: what they have been told, and whether they listen. */
import type { RouteSink } from '../../src/exposure/announcement/routed/port.ts';
import { failed, ready } from '../../src/model/decision.ts';
import type { Ip } from '../../src/model/ip.ts';

export interface FakeRouteSink extends RouteSink {
  /** What routers know, and whether it is about to go. */
  readonly routes: ReadonlyMap<Ip, 'here' | 'leaving'>;
  readonly log: readonly string[];
  listening(yes: boolean): void;
  reach: RouteSink['reach'];
}

export function createFakeRouteSink(resumes = false): FakeRouteSink {
  const routes = new Map<Ip, 'here' | 'leaving'>();
  const log: string[] = [];
  const callbacks = new Set<() => void>();
  let listens = true;
  return {
    reach: 'every-node',
    resumes,
    routes,
    log,
    announce: ({ ip, leaving }) => {
      const next = leaving ? 'leaving' : 'here';
      if (routes.get(ip) !== next) log.push(`${next} ${ip}`);
      routes.set(ip, next);
      return listens
        ? ready(undefined, 'Announced', `${ip} is told to routers`)
        : failed('NoRouter', `${ip} is told to nobody`);
    },
    withdraw: (ip) => {
      if (routes.delete(ip)) log.push(`gone ${ip}`);
    },
    obstacle: () => (listens ? undefined : failed('NoRouter', 'nobody listens')),
    settled: () => void log.push('settled'),
    onChange: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    close: () => {
      log.push('closed');
      return Promise.resolve();
    },
    listening: (yes) => {
      listens = yes;
      for (const callback of callbacks) callback();
    },
  };
}

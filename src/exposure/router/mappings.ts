/** The router stage: keeps the ports of all Services of this node open on their routers. */
import { off, type Decision } from '../../model/decision.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Network } from '../../model/wire.ts';
import { Gateway } from './gateway.ts';
import type { MappingRequest, RouterMappings } from './port.ts';
import { sweepRouter, type SweepRequest, type Swept } from './sweep.ts';
import { ServiceMappings } from './service-mappings.ts';

export interface RouterMappingsParts {
  readonly network: Network;
  readonly clock: Clock;
  /** UID of the cluster, which mappings are marked with; undefined while it is not known. */
  readonly cluster?: () => string | undefined;
}

export interface RouterMappingsDriver extends RouterMappings {
  /** Removes what earlier agents left on a router and nobody remembers. Never rejects. */
  sweep(request: SweepRequest): Promise<Swept>;
  /** Stops everything without undoing anything: another node goes on. */
  close(): void;
}

/** How long the answer to a withdrawal is remembered, for a caller that asks once more. */
const REMEMBER: Milliseconds = 60_000;
const NOTHING_MAPPED = off('NotMapped', 'nothing is mapped');
const FAMILIES: readonly Family[] = [4, 6];

export function createRouterMappings(parts: RouterMappingsParts): RouterMappingsDriver {
  /** One for each Service and family: a mapping for IPv4, pinholes for IPv6. */
  const entries = new Map<string, ServiceMappings>();
  const gateways = new Map<string, Gateway>();
  const closed = new AbortController();
  const listeners = new Set<(service: ServiceKey) => void>();

  // Few per node, and what is known of one (its methods, its epoch) is worth keeping: so none is ever dropped.
  const gatewayOf = (link: string, ip: Ip): Gateway => {
    const key = `${link} ${ip}`;
    const gateway = gateways.get(key) ?? new Gateway(parts, { link, gateway: ip });
    gateways.set(key, gateway);
    return gateway;
  };

  const entryOf = (request: MappingRequest): ServiceMappings => {
    const key = keyOf(request);
    const known = entries.get(key);
    // A Service of the same name made anew is another Service.
    if (known?.uid === request.uid) return known;
    known?.stop();
    const entry = new ServiceMappings(
      {
        ...parts,
        gateway: gatewayOf,
        changed: () => {
          for (const listener of [...listeners]) listener(request.service);
        },
      },
      request,
    );
    entries.set(key, entry);
    return entry;
  };

  const stop = (key: string): void => {
    entries.get(key)?.stop();
    entries.delete(key);
  };

  // Links change with every address that is refreshed; gateways hardly ever do.
  const routes = (): string =>
    JSON.stringify(parts.network.links().map(({ name, gateway }) => [name, gateway.v4, gateway.v6]));
  let before = routes();
  const unsubscribe = parts.network.onChange(() => {
    const now = routes();
    if (now === before) return;
    before = now;
    for (const entry of entries.values()) entry.rerouted();
  });

  return {
    ensure: (request) => entryOf(request).want(request),
    yield: (service) => FAMILIES.forEach((family) => stop(`${service} ${family}`)),
    withdraw(request): Decision {
      if (request.previous.length === 0 && !entries.has(keyOf(request))) return NOTHING_MAPPED;
      const entry = entryOf(request);
      const decision = entry.withdraw(request);
      if (decision.state === 'off') {
        parts.clock.after(REMEMBER, () => {
          if (entries.get(keyOf(request)) === entry && entry.idle) stop(keyOf(request));
        });
      }
      return decision;
    },
    leave(service, ip): Decision {
      const key = `${service} ${familyOf(ip)}`;
      const entry = entries.get(key);
      const decision = entry?.leave(ip) ?? NOTHING_MAPPED;
      if (entry?.idle === true) stop(key);
      return decision;
    },
    sweep: (request) => sweepRouter(gatewayOf(request.link, request.gateway), request, closed.signal),
    onChange(callback) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    close() {
      unsubscribe();
      closed.abort();
      for (const key of [...entries.keys()]) stop(key);
    },
  };
}

function keyOf({ service, ip }: MappingRequest): string {
  return `${service} ${familyOf(ip)}`;
}

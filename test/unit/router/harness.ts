/** The stage as the reconciler sees it, in front of the router in memory. */
import { createRouterMappings, type RouterMappingsDriver } from '../../../src/exposure/router/mappings.ts';
import type { MappingRequest, RouterMapping } from '../../../src/exposure/router/port.ts';
import type { Decision } from '../../../src/model/decision.ts';
import type { Ip } from '../../../src/model/ip.ts';
import { createRouterWorld, VIP, type RouterWorld } from '../../support/router-world.ts';

export interface Stage extends RouterWorld {
  readonly mappings: RouterMappingsDriver;
  /** Services told of, in order. */
  readonly told: string[];
  /** Asks, advances the clock by `within` (3 s), asks again. */
  readonly settle: (request: MappingRequest, within?: number) => Promise<Decision<RouterMapping>>;
  readonly withdraw: (request: MappingRequest, within?: number) => Promise<Decision>;
  /** A second agent on the same node's network. */
  readonly another: () => RouterMappingsDriver;
}

/** @param latency of every packet, in milliseconds */
export async function createStage(gateway?: Ip | 'none', latency?: number): Promise<Stage> {
  const world = await createRouterWorld(gateway, latency);
  const { clock, network } = world;
  const mappings = createRouterMappings({ network, clock });
  const told: string[] = [];
  mappings.onChange((service) => void told.push(service));
  return {
    ...world,
    mappings,
    told,
    settle: async (request, within = 3000) => {
      mappings.ensure(request);
      await clock.advanceAsync(within);
      return mappings.ensure(request);
    },
    withdraw: async (request, within = 3000) => {
      mappings.withdraw(request);
      await clock.advanceAsync(within);
      return mappings.withdraw(request);
    },
    another: () => createRouterMappings({ network, clock }),
  };
}

export const TCP_8080 = { protocol: 'TCP', internalPort: 80, externalPort: 8080 } as const;
export const TCP_8443 = { protocol: 'TCP', internalPort: 443, externalPort: 8443 } as const;
export const UDP_5353 = { protocol: 'UDP', internalPort: 53, externalPort: 5353 } as const;

export function request(change: Partial<MappingRequest> = {}): MappingRequest {
  return {
    service: 'default/web',
    uid: '3c7e1f0a-4e0b-4c55-9a0e-8a3b1f6f0c11',
    ip: VIP,
    link: 'eth0',
    ports: [TCP_8080],
    lifetime: 3_600_000,
    previous: [],
    ...change,
  };
}

/** The records of a decision that has to be ready. */
export function recordsOf(decision: Decision<RouterMapping>): RouterMapping['records'] {
  if (decision.state !== 'ready') throw new Error(`${decision.reason}: ${decision.message}`);
  return decision.value.records;
}

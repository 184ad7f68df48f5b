/** The router stage on a node of the LAN, as the reconciler asks it: again and again until there is an answer. */
import { createRouterMappings, type RouterMappingsDriver } from '../../../src/exposure/router/mappings.ts';
import type { MappingRequest, RouterMapping } from '../../../src/exposure/router/port.ts';
import type { Decision } from '../../../src/model/decision.ts';
import { eventually } from '../../support/netns.ts';
import { VIP, type Host, type RouterLan } from './router-lan.ts';

export interface Drivers {
  /** A new one, closed by `closeAll`. */
  readonly create: (host?: Host) => RouterMappingsDriver;
  readonly closeAll: () => void;
}

export function createDrivers(world: () => RouterLan): Drivers {
  const drivers: RouterMappingsDriver[] = [];
  return {
    create: (host = 'n1') => {
      const made = createRouterMappings({ network: world().network(host), clock: world().clock });
      drivers.push(made);
      return made;
    },
    closeAll: () => drivers.splice(0).forEach((driver) => driver.close()),
  };
}

export const TCP = { protocol: 'TCP', internalPort: 80, externalPort: 8080 } as const;

export function request(change: Partial<MappingRequest> = {}): MappingRequest {
  return {
    service: 'default/web',
    uid: '3c7e1f0a-4e0b-4c55-9a0e-8a3b1f6f0c11',
    ip: VIP,
    link: 'eth0',
    ports: [TCP],
    lifetime: 3_600_000,
    previous: [],
    ...change,
  };
}

/** Until the decision is no longer pending. */
export async function settled(
  mappings: RouterMappingsDriver,
  wanted: MappingRequest,
): Promise<Decision<RouterMapping>> {
  let decision = mappings.ensure(wanted);
  await eventually('a decision', () => {
    decision = mappings.ensure(wanted);
    return decision.state !== 'pending';
  });
  return decision;
}

export async function opened(mappings: RouterMappingsDriver, wanted: MappingRequest): Promise<RouterMapping> {
  const decision = await settled(mappings, wanted);
  if (decision.state !== 'ready') throw new Error(`${decision.reason}: ${decision.message}`);
  return decision.value;
}

export async function withdrawn(mappings: RouterMappingsDriver, wanted: MappingRequest): Promise<Decision> {
  let decision = mappings.withdraw(wanted);
  await eventually('an end', () => {
    decision = mappings.withdraw(wanted);
    return decision.state === 'off';
  });
  return decision;
}

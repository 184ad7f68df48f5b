/**
 * Service security (`enable_service_security`): every node drops what comes to an address at other ports than its
 * Services', whoever owns it at the moment, so that the rules are there before the address is.
 */
import type { Service } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { Upkeep, type Onlooker } from '../upkeep.ts';
import { guardedAddresses } from './guarded.ts';
import type { PortFilter } from './port.ts';

/** A firewall that is loaded anew may have flushed the rules. */
const AGAIN: Milliseconds = 5000;

export interface ServiceSecurityOptions {
  readonly clock: Clock;
  readonly filter: PortFilter;
  /** Otherwise the rules of an earlier run are removed, and that is all. */
  readonly enabled: boolean;
  readonly services: () => Iterable<Service>;
  /** The rules could not be set; tried again. */
  readonly onError?: (error: unknown) => void;
}

export function createServiceSecurity({ clock, filter, enabled, services, onError }: ServiceSecurityOptions): Onlooker {
  let cleared = false;
  return new Upkeep({
    clock,
    work: async () => {
      const wanted = enabled ? guardedAddresses(services()) : [];
      if (wanted.length === 0 && cleared) return undefined;
      cleared = false;
      await filter.set(wanted);
      cleared = wanted.length === 0;
      return cleared ? undefined : AGAIN;
    },
    clear: () => filter.set([]),
    ...(onError ? { onError } : {}),
  });
}

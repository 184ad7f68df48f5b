/**
 * Every node has the VLANs of all Services, so that each may own their addresses; they go with the last Service that is in
 * them. What somebody else made is used and left alone.
 */
import type { Service } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { readAssigned } from '../address/assigned.ts';
import { readIntent, type ClassRules } from '../intent/intent.ts';
import { Upkeep, type Onlooker } from '../upkeep.ts';
import type { Vlan, VlanLinks } from './port.ts';
import { parseVlan, vlanAnnotation } from './vlan.ts';

/** Somebody may have deleted an interface, or plugged its parent in. */
const AGAIN: Milliseconds = 5000;
const NOT_YET: Milliseconds = 500;

export interface VlanUpkeepOptions {
  readonly clock: Clock;
  readonly links: VlanLinks;
  readonly rules: ClassRules;
  /** Undefined: not all of them are known yet. */
  readonly services: () => Iterable<Service> | undefined;
  readonly onError?: (error: unknown) => void;
}

export function createVlanLinks({ clock, links, rules, services, onError }: VlanUpkeepOptions): Onlooker {
  const removeAllBut = (wanted: ReadonlyMap<string, Vlan>): void => {
    for (const name of links.owned()) if (!wanted.has(name)) links.remove(name);
  };
  return new Upkeep({
    clock,
    work: async () => {
      const known = services();
      if (!known) return await Promise.resolve(NOT_YET);
      const wanted = vlansOf(known, rules);
      removeAllBut(wanted);
      const problems: unknown[] = [];
      for (const vlan of wanted.values()) {
        try {
          links.ensure(vlan);
        } catch (error) {
          // The others need not wait for this one.
          problems.push(error);
        }
      }
      if (problems.length > 0) throw problems[0];
      return wanted.size > 0 ? AGAIN : undefined;
    },
    clear: async () => {
      await Promise.resolve();
      removeAllBut(new Map());
    },
    ...(onError ? { onError } : {}),
  });
}

/** Of Services of ours, and of those that still have an address: what hangs on that is undone through the interface. */
function vlansOf(services: Iterable<Service>, rules: ClassRules): ReadonlyMap<string, Vlan> {
  const wanted = new Map<string, Vlan>();
  for (const service of services) {
    const text = vlanAnnotation(service);
    const vlan = text === undefined ? undefined : parseVlan(text);
    if (vlan && (readAssigned(service) || readIntent(service, rules).state === 'ready')) wanted.set(vlan.name, vlan);
  }
  return wanted;
}

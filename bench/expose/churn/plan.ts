/** What happens to which Service and when: all of it follows from the seed. */
import type { Chance } from '../../../test/support/chance.ts';
import type { Wish } from './wish.ts';

/** Something an agent is in the midst of. */
export type Moment =
  /** It has written to the Service once, and has more to write. */
  | 'writing'
  /** The DHCP server is being asked. */
  | 'leasing'
  /** The router is being asked. */
  | 'mapping';

export interface Step {
  /** Milliseconds from the start of the churn, or the moment in which to strike. */
  readonly when: number | Moment;
  readonly wish: Wish | 'gone';
}

export interface Life {
  readonly name: string;
  readonly born: number;
  readonly first: Wish;
  /** One after the other. */
  readonly steps: readonly Step[];
}

export interface PlanOptions {
  readonly services: number;
  /** Milliseconds in which everything happens. */
  readonly span: number;
}

/** Shares of the Services by what becomes of them; the rest is deleted at some time. */
const STAY = 0.4;
const STRUCK = 0.3;
/** miniupnpd, the lab's router, takes the longer for each port the more it has: half a second at a hundred. */
const ROUTER = 0.08;
/** Addresses that several Services share, outside of pool and DHCP range. */
const SHARED = ['10.77.0.90', '10.77.0.91', '10.77.0.92', '10.77.0.93'] as const;

export function planChurn(chance: Chance, { services, span }: PlanOptions): Life[] {
  return Array.from({ length: services }, (_, i) => {
    const stays = chance.happens(STAY);
    const struck = !stays && chance.happens(STRUCK / (1 - STAY));
    const first = firstWish(chance, i);
    const born = chance.below(span * 0.7);
    const times = Array.from({ length: 3 }, () => born + 20 + chance.below(span - born - 20)).toSorted((a, b) => a - b);
    if (struck) return { name: `churn${i}`, born, first, steps: [{ when: momentFor(chance, first), wish: 'gone' }] };
    const changes = times.slice(0, stays ? chance.below(3) : chance.below(2));
    let wish = first;
    const steps: Step[] = changes.map((when) => ({ when, wish: (wish = nextWish(chance, wish, i)) }));
    if (!stays) steps.push({ when: times[2] ?? span, wish: 'gone' });
    return { name: `churn${i}`, born, first, steps };
  });
}

function firstWish(chance: Chance, i: number): Wish {
  const dice = chance.fraction();
  const address = dice < 0.45 ? 'pool' : dice < 0.9 ? 'dhcp' : { shared: SHARED[i % SHARED.length] ?? SHARED[0] };
  return {
    exposed: true,
    address,
    // Those who share an address need a port each.
    port: 1000 + i,
    ...(chance.happens(ROUTER) ? { router: 20_000 + 10 * i } : {}),
    ...(chance.happens(0.3) ? { name: `churn${i}` } : {}),
  };
}

/** One thing changes. */
function nextWish(chance: Chance, wish: Wish, i: number): Wish {
  const { router, name, ...rest } = wish;
  switch (chance.below(8)) {
    case 0:
      if (typeof wish.address === 'string') return { ...wish, address: wish.address === 'pool' ? 'dhcp' : 'pool' };
      return { ...wish, exposed: !wish.exposed };
    case 1:
      return { ...wish, exposed: !wish.exposed };
    case 2:
      return { ...wish, port: wish.port + 1000 };
    case 3:
      return {
        ...rest,
        ...(name === undefined ? {} : { name }),
        ...(router === undefined ? { router: 20_001 + 10 * i } : {}),
      };
    case 4:
      return { ...wish, router: (router ?? 20_001 + 10 * i) + 1 };
    default:
      return { ...wish, name: name === undefined ? `churn${i}` : `${name}b` };
  }
}

function momentFor(chance: Chance, { address, router }: Wish): Moment {
  const moments: Moment[] = ['writing'];
  if (address === 'dhcp') moments.push('leasing', 'leasing');
  if (router !== undefined) moments.push('mapping', 'mapping');
  return chance.pick(moments);
}

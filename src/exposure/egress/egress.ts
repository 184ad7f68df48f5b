/**
 * Egress (`kube-vip.io/egress`): on the node that owns an address, and only there, the pods of its Service that are on that
 * node go out in its name. Rules follow pods, owners and annotations, and go with whichever goes first.
 */
import type { Clock, Milliseconds } from '../../model/time.ts';
import { Upkeep, type Onlooker } from '../upkeep.ts';
import type { Egress, EgressTable } from './port.ts';

/** Rules in the kernel run out by themselves, and a firewall may flush them: while there are any they are set again. */
const AGAIN: Milliseconds = 2000;
const NOT_YET: Milliseconds = 500;

export interface EgressOptions {
  readonly clock: Clock;
  readonly table: EgressTable;
  /** Undefined: not all is known yet that it takes to tell the cluster from the outside. */
  readonly wanted: () => Egress | undefined;
  /** The rules could not be set; tried again. */
  readonly onError?: (error: unknown) => void;
}

const NONE: Egress = { rules: [], inside: [] };

export function createEgress({ clock, table, wanted, onError }: EgressOptions): Onlooker {
  /** What the kernel has, as far as is known, and since when. */
  let standing: string | undefined;
  let since: Milliseconds = Number.NEGATIVE_INFINITY;
  return new Upkeep({
    clock,
    work: async () => {
      const egress = wanted();
      if (!egress) return NOT_YET;
      const text = JSON.stringify(egress);
      const isEmpty = egress.rules.length === 0;
      const left = since + AGAIN - clock.now();
      if (text === standing && (isEmpty || left > 0)) return isEmpty ? undefined : left;
      standing = undefined;
      await table.set(egress);
      standing = text;
      since = clock.now();
      return isEmpty ? undefined : AGAIN;
    },
    clear: () => table.set(NONE),
    ...(onError ? { onError } : {}),
  });
}

/**
 * Traffic mirror (`mirror_dest_interface`): what comes and goes on the interface of Services is copied to another one, on
 * every node and whoever owns the addresses.
 */
import { KubevipError } from '../../model/errors.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Link } from '../../model/wire.ts';
import { Upkeep, type Onlooker } from '../upkeep.ts';
import type { Copying, MirrorTable } from './port.ts';

/** Copying ends by itself, and interfaces come and go. */
const AGAIN: Milliseconds = 5000;

export interface MirrorOptions {
  readonly clock: Clock;
  readonly table: MirrorTable;
  /** Undefined: what an earlier run left is removed, and that is all. */
  readonly to: string | undefined;
  /** Undefined: the interface with the default route. */
  readonly from: string | undefined;
  readonly links: () => readonly Link[];
  /** There is no copy for now; tried again. */
  readonly onError?: (error: unknown) => void;
}

export function createMirror({ clock, table, to, from, links, onError }: MirrorOptions): Onlooker {
  let cleared = false;
  return new Upkeep({
    clock,
    work: async () => {
      if (to !== undefined) {
        await table.set(copyingOf(links(), to, from));
        return AGAIN;
      }
      if (!cleared) await table.set(undefined);
      cleared = true;
      return undefined;
    },
    clear: () => table.set(undefined),
    ...(onError ? { onError } : {}),
  });
}

/** @throws KubevipError NO_MIRROR */
function copyingOf(links: readonly Link[], to: string, from: string | undefined): Copying {
  const target = links.find(({ name }) => name === to);
  if (!target) throw refused(`this node has no interface ${to}`);
  const source = links.find(({ name, gateway }) =>
    from === undefined ? (gateway.v4 ?? gateway.v6) !== undefined : name === from,
  );
  if (!source)
    throw refused(`this node has no interface ${from ?? 'with a default route; name one in vip_servicesinterface'}`);
  if (target.name === source.name || target.name.startsWith(`${source.name}.`))
    throw refused(`${to} lies on ${source.name} itself, and each copy would be copied again: name another one`);
  return { from: source, to: target };
}

function refused(why: string): KubevipError {
  return new KubevipError(`mirror_dest_interface: ${why}`, { code: 'NO_MIRROR' });
}

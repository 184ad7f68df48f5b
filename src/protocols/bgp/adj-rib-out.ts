/**
 * What one peer is to be told, and what it has been told (RFC 4271 §3.2). Changes gather until they are asked for;
 * routes with the same attributes then share messages.
 */
import type { Family } from '../../model/ip.ts';
import { encodeAttributes, encodeMpReach } from './attribute-encoding.ts';
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from './codes.ts';
import { exportRoute, type Exported } from './export-policy.ts';
import type { ExportContext } from './export-policy.ts';
import { encodeMessage } from './message.ts';
import { encodePrefix, familyOfPrefix, nlriOf, type Nlri, type Prefix } from './prefix.ts';
import type { Route } from './route.ts';
import { endOfRib, type Update } from './update.ts';

export interface AdjRibOut {
  /** All routes that shall be told from now on. Those that did not change cost nothing. */
  replace(routes: Iterable<Route>): void;
  /** A session is there, and nothing has been said in it. */
  begin(context: ExportContext, as4: boolean): void;
  /** The same session, but other attributes. */
  change(context: ExportContext): void;
  /** Say everything of this family again (RFC 2918). */
  refresh(family: Family): void;
  end(): void;
  /** The next message of what is to be said, header included; undefined: all is said. */
  next(): Uint8Array | undefined;
  /** Everything that was there at the beginning has been said, up to End-of-RIB. */
  readonly complete: boolean;
  /** Routes that the peer has been told, by family. */
  announced(): Readonly<Record<Family, number>>;
  /** Why routes are not told, by prefix. */
  readonly refused: ReadonlyMap<Prefix, string>;
}

/** Lengths of an UPDATE without anything in it. */
const EMPTY_UPDATE = HEADER_BYTES + 4;
/** A /128. */
const LONGEST_PREFIX = 17;

export function createAdjRibOut(): AdjRibOut {
  let wanted = new Map<Prefix, Route>();
  /** What the peer was told of each prefix, as {@link keyOf} has it. */
  const told = new Map<Prefix, string>();
  const dirty = new Set<Prefix>();
  const refused = new Map<Prefix, string>();
  let session: { context: ExportContext; readonly as4: boolean } | undefined;
  let queue: Update[] = [];
  /** Families whose End-of-RIB is still to be said. */
  let ending: Family[] = [];

  const touchAll = (): void => {
    for (const prefix of wanted.keys()) dirty.add(prefix);
    for (const prefix of told.keys()) dirty.add(prefix);
  };

  /** Makes messages of everything that has changed: first what is gone, then what is there. */
  const gather = ({ context, as4 }: { context: ExportContext; as4: boolean }): void => {
    const gone: Prefix[] = [];
    const groups = new Map<string, { readonly exported: Exported; readonly family: Family; prefixes: Prefix[] }>();
    for (const prefix of dirty) {
      const route = wanted.get(prefix);
      const exported = route === undefined ? undefined : exportRoute(route, context);
      if (typeof exported === 'string') refused.set(prefix, exported);
      else refused.delete(prefix);
      if (exported === undefined || typeof exported === 'string') {
        if (told.delete(prefix)) gone.push(prefix);
        continue;
      }
      const family = familyOfPrefix(prefix);
      const key = keyOf(exported, family);
      if (told.get(prefix) === key) continue;
      told.set(prefix, key);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { exported, family, prefixes: [prefix] });
      else group.prefixes.push(prefix);
    }
    dirty.clear();
    const there = [...groups.values()].flatMap(({ exported, family, prefixes }) => {
      const updates = announcements(exported, family, prefixes, as4);
      if (updates !== undefined) return updates;
      for (const prefix of prefixes) {
        refused.set(prefix, 'its communities do not fit into a message');
        if (told.delete(prefix)) gone.push(prefix);
      }
      return [];
    });
    queue = [...withdrawals(gone), ...there];
  };

  return {
    replace(routes) {
      const next = new Map<Prefix, Route>();
      for (const route of routes) next.set(route.prefix, route);
      for (const prefix of wanted.keys()) if (!next.has(prefix)) dirty.add(prefix);
      for (const [prefix, route] of next) if (wanted.get(prefix) !== route) dirty.add(prefix);
      for (const prefix of refused.keys()) if (!next.has(prefix)) refused.delete(prefix);
      wanted = next;
    },
    begin(context, as4) {
      session = { context, as4 };
      told.clear();
      refused.clear();
      queue = [];
      ending = [...context.families].sort((a, b) => a - b);
      touchAll();
    },
    change(context) {
      if (session === undefined) return;
      session.context = context;
      touchAll();
    },
    refresh(family) {
      // What is on its way already does not count: the peer asks because it has lost what it was told.
      for (const prefix of [...told.keys()]) {
        if (familyOfPrefix(prefix) !== family) continue;
        told.set(prefix, '');
        dirty.add(prefix);
      }
    },
    end() {
      session = undefined;
      told.clear();
      refused.clear();
      dirty.clear();
      queue = [];
      ending = [];
    },
    next() {
      if (session === undefined) return undefined;
      if (queue.length === 0 && dirty.size > 0) gather(session);
      const update = queue.shift();
      if (update !== undefined) return encodeMessage(update, session.as4);
      const family = ending.shift();
      return family === undefined ? undefined : encodeMessage(endOfRib(family), session.as4);
    },
    get complete() {
      return session !== undefined && ending.length === 0 && queue.length === 0;
    },
    announced() {
      const count = { 4: 0, 6: 0 };
      for (const prefix of told.keys()) count[familyOfPrefix(prefix)]++;
      return count;
    },
    refused,
  };
}

function keyOf({ attributes, nextHops }: Exported, family: Family): string {
  return JSON.stringify([family, nextHops, attributes]);
}

function withdrawals(prefixes: readonly Prefix[]): Update[] {
  return ([4, 6] as const).flatMap((family) => {
    const mine = prefixes.filter((prefix) => familyOfPrefix(prefix) === family);
    // MP_UNREACH_NLRI: four bytes of attribute header, three of family.
    const room = MAX_MESSAGE_BYTES - EMPTY_UPDATE - (family === 6 ? 7 : 0);
    return packed(mine, room).map((part) => blank({ withdrawn: [nlriOf(family, part)] }));
  });
}

/** Undefined if the attributes leave no room for a route. */
function announcements(
  exported: Exported,
  family: Family,
  prefixes: readonly Prefix[],
  as4: boolean,
): Update[] | undefined {
  const { attributes, nextHops } = exported;
  const classic = family === 4 && nextHops[0] !== undefined && !nextHops[0].includes(':');
  const head = classic
    ? encodeAttributes(attributes, nextHops[0], as4)
    : // One byte more for the length of a longer attribute.
      [...encodeMpReach(nlriOf(family, []), nextHops), 0, ...encodeAttributes(attributes, undefined, as4)];
  const room = MAX_MESSAGE_BYTES - EMPTY_UPDATE - head.length;
  if (room < LONGEST_PREFIX) return undefined;
  return packed(prefixes, room).map((part) =>
    blank({ attributes, announced: [{ ...nlriOf(family, part), nextHops }] }),
  );
}

function blank(parts: Partial<Update>): Update {
  return { kind: 'update', withdrawn: [] as Nlri[], announced: [], attributes: {}, faults: [], ...parts };
}

/** Cuts a list so that each piece takes at most `room` bytes. */
function packed(prefixes: readonly Prefix[], room: number): Prefix[][] {
  const parts: Prefix[][] = [];
  let left = 0;
  for (const prefix of prefixes) {
    const size = encodePrefix(prefix).length;
    const part = parts.at(-1);
    if (part === undefined || size > left) {
      parts.push([prefix]);
      left = room - size;
    } else {
      part.push(prefix);
      left -= size;
    }
  }
  return parts;
}

/** In which order the items of a merged list stand. */
import type { Json } from '../json.ts';

/**
 * Items that the client named stand in the client's order; all others keep their order on the server and their place
 * before the named items that followed them there. What is new to the server comes before what the client did not name.
 */
export function mergeOrder(
  merged: readonly Json[],
  wanted: readonly Json[],
  server: readonly Json[],
  identity: (item: Json) => string,
): Json[] {
  const rank = positions(wanted, identity);
  const place = positions(server, identity);
  const named = merged.filter((item) => rank.has(identity(item)));
  named.sort((a, b) => (rank.get(identity(a)) ?? 0) - (rank.get(identity(b)) ?? 0));
  const others = merged.filter((item) => !rank.has(identity(item)));
  const result: Json[] = [];
  for (const item of named) {
    const here = place.get(identity(item));
    while (here !== undefined && others[0] !== undefined && (place.get(identity(others[0])) ?? Infinity) < here) {
      result.push(...others.splice(0, 1));
    }
    result.push(item);
  }
  return [...result, ...others];
}

function positions(items: readonly Json[], identity: (item: Json) => string): Map<string, number> {
  return new Map(items.map((item, index) => [identity(item), index]));
}

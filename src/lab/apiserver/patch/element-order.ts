/** In which order the items of a merged list stand. */
import type { Json } from '../json.ts';

/**
 * Items that the client named stand in the client's order; all others keep their order on the server and their place
 * before the first named item that followed them there. What is new to the server comes last.
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
    // An item without a place on the server lets all others pass.
    while (others[0] !== undefined && !(here !== undefined && here < (place.get(identity(others[0])) ?? Infinity))) {
      result.push(...others.splice(0, 1));
    }
    result.push(item);
  }
  return [...result, ...others];
}

function positions(items: readonly Json[], identity: (item: Json) => string): Map<string, number> {
  return new Map(items.map((item, index) => [identity(item), index]));
}

/** In which order the items of a list stand that is applied on top of another. */

/**
 * Items that only the object has keep their place and come before new ones at the same place; those that both have
 * stand in the order of the configuration.
 */
export function appliedOrder(live: readonly string[], config: readonly string[]): string[] {
  const inLive = new Set(live);
  const inConfig = new Set(config);
  const result: string[] = [];
  let at = 0;
  for (const item of config) {
    // Up to the same item, what the configuration does not name passes; what it names elsewhere waits for that place.
    while (at < live.length && live[at] !== item && (inLive.has(item) || !inConfig.has(live[at] ?? ''))) {
      const passed = live[at++] ?? '';
      if (!inConfig.has(passed)) result.push(passed);
    }
    if (live[at] === item) at++;
    result.push(item);
  }
  return [...result, ...live.slice(at).filter((item) => !inConfig.has(item))];
}

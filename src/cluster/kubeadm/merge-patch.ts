/** RFC 7396 JSON merge patch: maps are merged, null takes a key away, everything else replaces. */

export type Document = Readonly<Record<string, unknown>>;

/** @param patch itself a map; with anything else the whole document would be replaced. */
export function mergePatch(target: unknown, patch: Document): Document {
  const merged: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    // Own property, whatever its name.
    if (value === null) Reflect.deleteProperty(merged, key);
    else
      Object.defineProperty(merged, key, {
        value: isMap(value) ? mergePatch(Object.hasOwn(merged, key) ? merged[key] : undefined, value) : value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
  return merged;
}

function isMap(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

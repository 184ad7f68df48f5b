/** Communities (RFC 1997) and large communities (RFC 8092), as text and as numbers. */

/** 32 bits: `65000:100` is 65000 * 65536 + 100. */
export type Community = number;
export type LargeCommunity = readonly [global: number, local1: number, local2: number];

/** IANA's well-known ones, and the name that routers give them. */
export const WELL_KNOWN: Readonly<Record<string, Community>> = {
  /** RFC 8326: this path goes away soon, prefer any other. */
  'graceful-shutdown': 0xffff_0000,
  /** RFC 7999 */
  blackhole: 0xffff_029a,
  'no-export': 0xffff_ff01,
  'no-advertise': 0xffff_ff02,
  'no-export-subconfed': 0xffff_ff03,
  'no-peer': 0xffff_ff04,
};

export const GRACEFUL_SHUTDOWN: Community = 0xffff_0000;

/** `65000:100` or a well-known name. Undefined if it is none. */
export function parseCommunity(text: string): Community | undefined {
  const known = Object.hasOwn(WELL_KNOWN, text) ? WELL_KNOWN[text] : undefined;
  if (known !== undefined) return known;
  const [high, low, ...more] = text.split(':').map((part) => number(part, 0xffff));
  return high === undefined || low === undefined || more.length > 0 ? undefined : high * 65_536 + low;
}

/** `4200000000:1:2`. Undefined if it is none. */
export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const [global, local1, local2, ...more] = text.split(':').map((part) => number(part, 0xffff_ffff));
  if (global === undefined || local1 === undefined || local2 === undefined || more.length > 0) return undefined;
  return [global, local1, local2];
}

export function formatCommunity(community: Community): string {
  return `${Math.floor(community / 65_536)}:${community % 65_536}`;
}

function number(text: string, most: number): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  return value <= most ? value : undefined;
}

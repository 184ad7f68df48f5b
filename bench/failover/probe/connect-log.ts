/** What connect-main.ts saw. Times are milliseconds since 1970. */

/** A connection that is not there after this has failed; the first repetition of a SYN would come then. */
export const CONNECT_TIMEOUT_MS = 1000;

export interface ConnectLog {
  readonly started: number[];
  readonly failed: { readonly started: number; readonly why: string }[];
}

/** How many failed of those that began in this time. */
export function failures({ failed }: ConnectLog, from: number, until = Infinity): number {
  return failed.filter(({ started }) => started >= from && started < until).length;
}

/** From `since` to the beginning of the last one that failed; 0 when none has. */
export function failedFor({ failed }: ConnectLog, since: number): number {
  return Math.max(0, ...failed.map(({ started }) => started - since));
}

/** `ECONNREFUSED 3, timeout 12` */
export function reasons({ failed }: ConnectLog): string {
  const counts = new Map<string, number>();
  for (const { why } of failed) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [...counts].map(([why, count]) => `${why} ${count}`).join(', ');
}

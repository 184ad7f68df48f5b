/** What sweep-main.ts saw. Times are milliseconds since 1970. */

export interface SweepLog {
  /** The old owner's last answer for the first address. */
  oldUntil: number;
  /** By address: the first answer of another machine. */
  readonly servedAt: Record<string, number>;
}

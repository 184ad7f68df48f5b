/** What an announcement owes that neighbours on the link never hear of: there is nobody to be silent for, and no claim. */
import type { Announcement } from './port.ts';

type OfNeighbours = Pick<Announcement, 'setAlone' | 'onClaim' | 'onConflict' | 'onConflictOver'>;

export class WithoutNeighbours implements OfNeighbours {
  setAlone(): void {}

  onClaim(): () => void {
    return () => undefined;
  }

  onConflict(): () => void {
    return () => undefined;
  }

  onConflictOver(): () => void {
    return () => undefined;
  }
}

/** Announces held addresses when it is due, and when another machine claims one of them. */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Link } from '../../model/wire.ts';
import { createAlarm } from './alarm.ts';
import { deadlineOf, type HeldAddress } from './held-address.ts';
import type { Announcement } from './port.ts';

/** Repeated announcements in one go; the rest follows after a breath. */
const PORTION = 64;
const BREATH: Milliseconds = 5;

export interface Voice {
  /** Announces the address if that is due, and from then on by itself. */
  announce(held: HeldAddress): void;
  /** A machine on a link says that it has an address. */
  heardClaim(ip: Ip, mac: Mac, link: Link): void;
  stop(): void;
}

export interface VoiceOptions {
  readonly clock: Clock;
  readonly held: ReadonlyMap<Ip, HeldAddress>;
  /** A node with two links to the same LAN hears itself. */
  readonly isOwnMac: (mac: Mac) => boolean;
  readonly isCurrent: (held: HeldAddress) => boolean;
  /** An address that is no longer current would have been announced. */
  readonly onLapse: (held: HeldAddress) => void;
  readonly onConflict: Parameters<Announcement['onConflict']>[0];
}

export function createVoice(options: VoiceOptions): Voice {
  const { clock, held } = options;
  const announceDue = (): void => {
    const now = clock.now();
    let left = PORTION;
    for (const address of held.values()) {
      if (!address.placed || !address.up) continue;
      if (!options.isCurrent(address)) {
        options.onLapse(address);
        continue;
      }
      if (deadlineOf(address) <= now && left > 0) {
        left--;
        const [due, defend] = [address.schedule.take(now), address.defender.advance(now)];
        if (due === 1 || defend) address.advertiser?.announce(address.ip);
      }
      alarm.by(Math.max(deadlineOf(address), now + BREATH));
    }
  };
  const alarm = createAlarm(clock, announceDue);
  return {
    announce: (address) => {
      if (address.up && address.schedule.take(clock.now()) === 1) address.advertiser?.announce(address.ip);
      alarm.by(deadlineOf(address));
    },
    heardClaim: (ip, mac, link) => {
      const address = held.get(ip);
      if (!address?.placed || address.advertiser?.link.index !== link.index || options.isOwnMac(mac)) return;
      const conflict = address.defender.claim(mac, clock.now());
      alarm.by(deadlineOf(address));
      if (conflict) options.onConflict({ ip, mac, link: link.name });
    },
    stop: () => alarm.cancel(),
  };
}

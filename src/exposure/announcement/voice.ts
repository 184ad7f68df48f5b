/** Announces held addresses when it is due, and has it out with machines that claim one of them. */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Link } from '../../model/wire.ts';
import type { DefenderStep } from '../../protocols/acd/defender.ts';
import { createAlarm } from './alarm.ts';
import { deadlineOf, type HeldAddress } from './held-address.ts';

/** Repeated announcements in one go; the rest follows after a breath. */
const PORTION = 64;
const BREATH: Milliseconds = 5;
const LONG_BREATH: Milliseconds = 20;

export interface Voice {
  /**
   * Announces the address if it is ours and that is due, and from then on by itself.
   * @param briefly many others are to be told of, too: the form that fewer hosts learn from comes with the repetition
   */
  announce(held: HeldAddress, briefly?: boolean): void;
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
  readonly mayAnswer: (ip: Ip) => boolean;
  /** Addresses wait for their first announcement: others are not announced again meanwhile. */
  readonly isTaking: () => boolean;
  /** An address that is no longer current would have been announced. */
  readonly onLapse: (held: HeldAddress) => void;
  readonly onClaim: (held: HeldAddress) => void;
  readonly onConflict: (held: HeldAddress, mac: Mac) => void;
  readonly onConflictOver: (held: HeldAddress, mac: Mac) => void;
}

export function createVoice(options: VoiceOptions): Voice {
  const { clock, held } = options;
  const say = (address: HeldAddress, briefly = false): void => {
    if (options.mayAnswer(address.ip)) address.advertiser?.announce(address.ip, briefly);
    else address.muted = true;
  };
  const perform = (address: HeldAddress, steps: readonly DefenderStep[]): void => {
    for (const step of steps) {
      if (step.do === 'announce' && address.placed) say(address);
      else if (step.do === 'ask') address.advertiser?.ask(address.ip);
      else if (step.do === 'conflict') options.onConflict(address, step.mac);
      else if (step.do === 'over') options.onConflictOver(address, step.mac);
    }
  };
  const announceDue = (): void => {
    const now = clock.now();
    const waits = options.isTaking();
    let left = PORTION;
    for (const address of held.values()) {
      if (!isWatched(address) || !address.up) continue;
      if (address.placed && !options.isCurrent(address)) {
        options.onLapse(address);
        continue;
      }
      if (deadlineOf(address) <= now && left > 0) {
        left--;
        if (address.placed && !waits && address.schedule.take(now) === 1) say(address);
        perform(address, address.defender.advance(now, address.policy));
      }
      alarm.by(Math.max(deadlineOf(address), now + (waits ? LONG_BREATH : BREATH)));
    }
  };
  const alarm = createAlarm(clock, announceDue);
  return {
    announce: (address, briefly) => {
      const ours = address.up && address.yieldedTo === undefined && !address.ceded;
      if (ours && address.schedule.take(clock.now()) === 1) say(address, briefly);
      alarm.by(deadlineOf(address));
    },
    heardClaim: (ip, mac, link) => {
      const address = held.get(ip);
      if (!address || !isWatched(address)) return;
      if (address.advertiser?.link.index !== link.index || options.isOwnMac(mac)) return;
      perform(address, address.defender.claim(mac, clock.now()));
      options.onClaim(address);
      alarm.by(deadlineOf(address));
    },
    stop: () => alarm.cancel(),
  };
}

/** Whether claims of others matter: it is ours, or would be if it were not for somebody else. */
function isWatched(address: HeldAddress): boolean {
  return !address.ceded && (address.placed || address.yieldedTo !== undefined);
}

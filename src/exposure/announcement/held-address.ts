/** One address that this node shall hold: what is known of it, and what that means to users. */
import { failed, pending, ready, type Decision, type NotReady } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Milliseconds } from '../../model/time.ts';
import { createAnnouncementSchedule, type AnnouncementSchedule } from '../../protocols/acd/schedule.ts';
import {
  createDefender,
  type ConflictPolicy,
  type DefenceTiming,
  type Defender,
} from '../../protocols/acd/defender.ts';
import type { Advertiser } from './advertiser.ts';
import type { Announced, AnnouncementRequest } from './port.ts';

export interface HeldAddress {
  readonly ip: Ip;
  /** As asked for; undefined: by subnet. */
  readonly linkName: string | undefined;
  /** ISO 8601. */
  since: string;
  /** Where it is announced; undefined while it is nowhere. */
  advertiser: Advertiser | undefined;
  /** The kernel has it. */
  placed: boolean;
  /** The link has a carrier. The kernel keeps the address without one: this node itself may depend on it. */
  up: boolean;
  /** When it was taken in hand to be placed. */
  takenAt: Milliseconds;
  /**
   * This process was stopped or held up for longer than the address lives in the kernel: somebody else may have it by
   * now, so it is left alone until it is asked for again.
   */
  lapsed: boolean;
  /** Another node has it: it is served silently for a moment more. */
  ceded: boolean;
  /** An announcement was due while this node might not speak for the address. */
  muted: boolean;
  policy: ConflictPolicy;
  /** The machine that it was let go for, by policy. The conflict may be over: then it comes back when it is asked for. */
  yieldedTo: Mac | undefined;
  /** What else keeps it from being announced. */
  problem: NotReady | undefined;
  readonly schedule: AnnouncementSchedule;
  readonly defender: Defender;
}

export function heldAddress(
  request: AnnouncementRequest,
  now: Milliseconds,
  wall: Date,
  defence: DefenceTiming | undefined,
): HeldAddress {
  return {
    ip: request.ip,
    linkName: request.link,
    since: wall.toISOString(),
    advertiser: undefined,
    placed: false,
    up: false,
    takenAt: now,
    lapsed: false,
    ceded: false,
    muted: false,
    policy: request.onConflict ?? 'defend',
    yieldedTo: undefined,
    problem: undefined,
    schedule: createAnnouncementSchedule(now),
    defender: createDefender(defence),
  };
}

/** @param unfenced why the kernel could not be kept silent; undefined: it is, or need not be. */
export function decisionOf(held: HeldAddress, unfenced: string | undefined): Decision<Announced> {
  if (held.lapsed) {
    return pending(
      'Interrupted',
      `${held.ip} is not announced: the agent was held up, and its owner has to be confirmed`,
    );
  }
  if (held.yieldedTo !== undefined) {
    return failed(
      'AddressConflict',
      `${held.ip} is let go, since ${held.yieldedTo} on the LAN uses it: give that machine another address, or choose another one here`,
    );
  }
  if (held.problem) return held.problem;
  if (!held.advertiser) return failed('NoLink', `${held.ip} is not announced: its interface is gone`);
  const link = held.advertiser.link.name;
  if (!held.up) return linkDown(held.ip, link);
  const value = { link, since: held.since };
  if (unfenced === undefined) return ready(value, 'Announced', `${held.ip} is announced on ${link}`);
  return ready(
    value,
    'AnnouncedUnfenced',
    `${held.ip} is announced on ${link}, but the kernel answers for it too: ${unfenced}`,
  );
}

/** @param link by name */
export function linkDown(ip: Ip, link: string): NotReady {
  return failed('LinkDown', `${ip} is not announced: interface ${link} is down or has no carrier`);
}

/** Earliest moment at which the address needs attention. */
export function deadlineOf(held: HeldAddress): Milliseconds {
  const never = Number.POSITIVE_INFINITY;
  if (held.ceded) return never;
  return Math.min(held.placed ? held.schedule.deadline() : never, held.defender.deadline() ?? never);
}

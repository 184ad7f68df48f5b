import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Dialect } from '../../../src/protocols/acd/dialect.ts';
import { createDefender, DEFENCE, type ConflictPolicy, type Defender } from '../../../src/protocols/acd/defender.ts';
import { createProber, type Prober } from '../../../src/protocols/acd/prober.ts';
import { createAnnouncementSchedule, TAKEOVER } from '../../../src/protocols/acd/schedule.ts';
import { ARP } from '../../../src/protocols/arp/dialect.ts';
import { arpProbe } from '../../../src/protocols/arp/packet.ts';
import { NDP } from '../../../src/protocols/ndp/dialect.ts';
import { ndpProbe } from '../../../src/protocols/ndp/forms.ts';

const OURS = parseMac('02:00:00:00:00:01')!;
const OTHER = parseMac('02:00:00:00:00:02')!;
const THIRD = parseMac('02:00:00:00:00:03')!;
const VIP = ip('10.77.0.200');
const VIP6 = ip('2001:db8:77::200');

interface Speaker {
  readonly name: string;
  readonly dialect: Dialect<unknown>;
  readonly vip: Ip;
  readonly other: Ip;
  readonly client: Ip;
}

describe.each<Speaker>([
  { name: 'ARP', dialect: ARP, vip: VIP, other: ip('10.77.0.201'), client: ip('10.77.0.50') },
  { name: 'NDP', dialect: NDP, vip: VIP6, other: ip('2001:db8:77::201'), client: ip('fe80::50') },
])('prober by $name', ({ name, dialect, vip, other, client }) => {
  let chance = 0;
  const nonce = (): Uint8Array => new Uint8Array(6).fill(++chance);
  const start = (): Prober<unknown> =>
    createProber(dialect, { ip: vip, mac: OURS, now: 1000, nonce, fraction: () => 0 });
  const question = (target: Ip, source: Ip): unknown =>
    name === 'ARP'
      ? { ...arpProbe(OTHER, target), senderIp: source }
      : { ...ndpProbe(OTHER, target), source, sourceMac: OTHER };
  const answer = (): unknown => dialect.answer(OTHER, dialect.probe(OURS, vip))?.frame;

  it('asks three times, 50 ms apart, and calls the address free 50 ms after the last', () => {
    const prober = start();
    const sent: number[] = [];
    for (let now = prober.deadline(); now !== undefined; now = prober.deadline()) {
      for (const frame of prober.advance(now)) {
        expect(frame).toEqual(dialect.probe(OURS, vip, new Uint8Array(6).fill(chance)));
        sent.push(now);
      }
      if (now < 1150) expect(prober.result()).toBeUndefined();
    }
    expect(sent).toEqual([1000, 1050, 1100]);
    expect(prober.result()).toEqual({ state: 'free' });
  });

  it('sends nothing before its time', () => {
    const prober = start();
    prober.advance(1000);
    expect(prober.advance(1049)).toEqual([]);
  });

  it('takes any claim for an answer: a reply, a question or an announcement', () => {
    for (const frame of [answer(), question(other, vip), ...dialect.announcement(OTHER, vip)]) {
      const prober = start();
      prober.advance(1000);
      prober.handle(frame);
      expect(prober.result()).toEqual({ state: 'used', by: OTHER, simultaneous: false });
      expect(prober.deadline()).toBeUndefined();
    }
  });

  it('notices that another host probes for the same address', () => {
    const prober = start();
    prober.advance(1000);
    prober.handle(dialect.probe(OTHER, vip, new Uint8Array(6).fill(99)));
    expect(prober.result()).toEqual({ state: 'used', by: OTHER, simultaneous: true });
  });

  it('is not impressed by its own probe, other addresses and questions of others', () => {
    const prober = start();
    const [sent] = prober.advance(1000);
    prober.handle(sent);
    prober.handle(dialect.announcement(OTHER, other)[0]);
    prober.handle(dialect.probe(OTHER, other));
    prober.handle(question(vip, client));
    expect(prober.result()).toBeUndefined();
  });
});

describe('prober by NDP', () => {
  it('knows its own probes by their nonce, whatever MAC a loop gave them (RFC 7527)', () => {
    let chance = 0;
    const prober = createProber(NDP, {
      ip: VIP6,
      mac: OURS,
      now: 0,
      nonce: () => new Uint8Array(6).fill(++chance),
      fraction: () => 0,
    });
    prober.advance(0);
    prober.advance(50);
    for (const byte of [1, 2]) prober.handle(ndpProbe(OTHER, VIP6, new Uint8Array(6).fill(byte)));
    expect(prober.result()).toBeUndefined();
    prober.handle(ndpProbe(OTHER, VIP6, new Uint8Array(6).fill(3)));
    expect(prober.result()).toMatchObject({ state: 'used', simultaneous: true });
  });
});

describe('announcement schedule', () => {
  it('is loud at first and then seldom', () => {
    const schedule = createAnnouncementSchedule(10);
    const at: number[] = [];
    for (let i = 0; i < 7; i++) {
      const now = schedule.deadline();
      expect(schedule.take(now - 1)).toBe(0);
      expect(schedule.take(now)).toBe(1);
      at.push(now - 10);
    }
    expect(at).toEqual([0, 100, 1100, 2200, 5000, 35_000, 65_000]);
  });

  it('does not make up for what it slept through', () => {
    const schedule = createAnnouncementSchedule(0);
    expect(schedule.take(1500)).toBe(1);
    expect(schedule.take(1500)).toBe(0);
    expect(schedule.deadline()).toBe(2200);
  });

  it('begins again when the link is back', () => {
    const schedule = createAnnouncementSchedule(0);
    for (let i = 0; i < 6; i++) schedule.take(schedule.deadline());
    schedule.restart(100_000);
    expect(schedule.deadline()).toBe(100_000 + (TAKEOVER.burst[0] ?? 0));
  });
});

/** Lets the defender do all that is due up to `until`; gives what it did, with the time. */
function play(defender: Defender, until: number, policy: ConflictPolicy = 'defend'): [number, string][] {
  const done: [number, string][] = [];
  for (let at = defender.deadline(); at !== undefined && at <= until; at = defender.deadline()) {
    const now = at;
    for (const step of defender.advance(now, policy)) {
      done.push([now, 'mac' in step ? `${step.do} ${step.mac}` : step.do]);
    }
  }
  return done;
}

describe('defender', () => {
  it('lets a single claim pass, then announces once and asks whether anybody stands up for it', () => {
    const defender = createDefender();
    expect(defender.claim(OTHER, 0)).toEqual([]);
    expect(play(defender, 60_000)).toEqual([
      [1000, 'announce'],
      [1100, 'ask'],
      [1150, 'ask'],
      [1200, 'ask'],
    ]);
    expect(defender.deadline()).toBeUndefined();
    expect(defender.rivals()).toEqual([]);
  });

  it('asks before it announces where it would yield', () => {
    const defender = createDefender();
    defender.claim(OTHER, 0);
    expect(play(defender, 60_000, 'yield')).toEqual([
      [1000, 'ask'],
      [1050, 'ask'],
      [1100, 'ask'],
      [1150, 'announce'],
    ]);
  });

  it('sees no conflict in the announcements of a new owner while we still hold the address', () => {
    const defender = createDefender();
    for (const now of [0, 100, 900]) expect(defender.claim(OTHER, now)).toEqual([]);
  });

  it('tells of a machine that claims the address after we asked for it, once', () => {
    const defender = createDefender();
    defender.claim(OTHER, 0);
    play(defender, 1000);
    expect(defender.claim(OTHER, 1000 + DEFENCE.settle - 1)).toEqual([]);
    play(defender, 1000 + DEFENCE.settle);
    expect(defender.claim(OTHER, 1101)).toEqual([{ do: 'conflict', mac: OTHER }]);
    expect(defender.rivals()).toEqual([OTHER]);
    expect(defender.claim(OTHER, 1102)).toEqual([]);
  });

  it('defends and asks every ten seconds as long as the other machine is there, and tells when it is gone', () => {
    const defender = createDefender();
    defender.claim(OTHER, 0);
    const done: [number, string][] = [];
    for (let now = 0; now <= 60_000; now += 50) {
      if (now <= 32_000) defender.claim(OTHER, now);
      done.push(...play(defender, now));
    }
    const at = (what: string): number[] => done.filter(([, step]) => step === what).map(([now]) => now);
    expect(at('announce')).toEqual([1000, 11_000, 21_000, 31_000, 41_000]);
    expect(at('ask')).toHaveLength(15);
    expect(at(`over ${OTHER}`)).toEqual([41_250]);
    expect(defender.rivals()).toEqual([]);
    expect(defender.deadline()).toBeUndefined();
  });

  it('finds a silent machine, which answers no question, when it claims the address again', () => {
    const defender = createDefender();
    const done: [number, string][] = [];
    defender.claim(OTHER, 0);
    play(defender, 60_000);
    expect(defender.claim(OTHER, 60_000)).toEqual([{ do: 'conflict', mac: OTHER }]);
    for (let now = 60_000; now <= 120_000; now += 7000) {
      done.push(...play(defender, now));
      defender.claim(OTHER, now);
    }
    expect(defender.rivals()).toEqual([OTHER]);
    expect(done.map(([, step]) => step)).not.toContain(`over ${OTHER}`);
    done.push(...play(defender, 200_000));
    expect(done.at(-1)?.[1]).toBe(`over ${OTHER}`);
    expect(defender.claim(OTHER, 201_000)).toEqual([{ do: 'conflict', mac: OTHER }]);
  });

  it('forgets a machine that claimed once and was never heard again', () => {
    const defender = createDefender();
    defender.claim(OTHER, 0);
    play(defender, 60_000);
    expect(defender.claim(OTHER, DEFENCE.forget + 1)).toEqual([]);
  });

  it('gives each machine its own grace', () => {
    const defender = createDefender();
    defender.claim(OTHER, 0);
    defender.claim(THIRD, 900);
    play(defender, 1100);
    expect(defender.claim(THIRD, 1200)).toEqual([]);
    expect(defender.claim(OTHER, 1200)).toEqual([{ do: 'conflict', mac: OTHER }]);
    play(defender, 1250);
    expect(defender.deadline()).toBe(11_000);
  });

  it('takes the silence after it was held up for no answer, and asks again', () => {
    const defender = createDefender();
    defender.claim(OTHER, 0);
    play(defender, 1100);
    defender.claim(OTHER, 1101);
    play(defender, 1250);
    play(defender, 11_150);
    expect(defender.advance(100_000, 'defend')).toEqual([{ do: 'ask' }]);
    defender.claim(OTHER, 100_001);
    play(defender, 100_150);
    expect(defender.rivals()).toEqual([OTHER]);
  });

  it('keeps no more machines than a flood of made-up ones can fill, and never forgets a rival for them', () => {
    const defender = createDefender();
    const flood = (now: number): void => {
      for (let i = 0; i < 100; i++) defender.claim(parseMac(`02:01:00:00:00:${hex(i)}`)!, now);
    };
    defender.claim(OTHER, 0);
    play(defender, 1100);
    defender.claim(OTHER, 1101);
    flood(1200);
    expect(defender.rivals()).toEqual([OTHER]);
    play(defender, 11_100);
    flood(11_200);
    expect(defender.rivals().length).toBeLessThanOrEqual(16);
    expect(defender.rivals()).toContain(OTHER);
  });
});

function hex(byte: number): string {
  return (byte & 255).toString(16).padStart(2, '0');
}

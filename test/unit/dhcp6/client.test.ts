/** The client of RFC 8415 with servers under simulated time. */
import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Milliseconds } from '../../../src/model/time.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import type { ClientInput, ClientOutput, Outgoing } from '../../../src/protocols/dhcp6/client/events.ts';
import { createDhcp6Client, type Dhcp6Client } from '../../../src/protocols/dhcp6/client/machine.ts';
import { MESSAGE_TYPE, OPTION, STATUS } from '../../../src/protocols/dhcp6/codes.ts';
import { dhcp6IdentityOf } from '../../../src/protocols/dhcp6/identity.ts';
import { number, optionOf } from '../../../src/protocols/dhcp6/options.ts';
import { seededEntropy } from '../dhcp4/model-server.ts';
import { createModelServer6, type ModelServer6 } from './model-server.ts';

const FIRST = ip('fd77::1:0');
const { solicit, request, confirm, renew, rebind, release, decline } = MESSAGE_TYPE;

class Harness {
  readonly client: Dhcp6Client;
  readonly servers: ModelServer6[];
  readonly sent: { readonly at: Milliseconds; readonly type: number; readonly outgoing: Outgoing }[] = [];
  readonly reports: Exclude<ClientOutput, { kind: 'send' }>[] = [];
  now: Milliseconds = 1_000_000;

  constructor({ servers = [createModelServer6()], requested }: { servers?: ModelServer6[]; requested?: Ip } = {}) {
    this.servers = servers;
    const identity = dhcp6IdentityOf(identityOf('uid-web').clientId);
    const wish = requested === undefined ? {} : { requested };
    // In the middle of its jitter.
    this.client = createDhcp6Client({ ...identity, hostname: 'web', ...wish }, seededEntropy(1, 0.5));
  }

  give(input: ClientInput): void {
    for (const output of this.client.handle(input, this.now)) {
      if (output.kind !== 'send') {
        this.reports.push(output);
        continue;
      }
      this.sent.push({ at: this.now, type: output.message.type, outgoing: output });
      for (const server of this.servers) {
        const reply = server.answer(output);
        if (reply !== undefined) this.give({ kind: 'message', reply });
      }
    }
  }

  pass(duration: Milliseconds): void {
    const end = this.now + duration;
    for (;;) {
      const due = this.client.deadline();
      if (due === undefined || due > end) break;
      this.now = Math.max(this.now, due);
      this.give({ kind: 'tick' });
    }
    this.now = end;
  }

  types(): number[] {
    return this.sent.splice(0).map(({ type }) => type);
  }

  /** Seconds between the messages sent. */
  gaps(): number[] {
    return this.sent.slice(1).map(({ at }, i) => (at - (this.sent[i]?.at ?? 0)) / 1000);
  }

  get server(): ModelServer6 {
    return this.servers[0]!;
  }
}

function bound(options: ConstructorParameters<typeof Harness>[0] = {}): Harness {
  const harness = new Harness(options);
  harness.give({ kind: 'start' });
  harness.pass(200);
  expect(harness.client.state).toBe('BOUND');
  harness.sent.length = 0;
  harness.reports.length = 0;
  return harness;
}

describe('getting a lease', () => {
  it('is SOLICIT, ADVERTISE, REQUEST and REPLY', () => {
    const harness = new Harness();
    harness.give({ kind: 'start' });
    harness.pass(200);
    expect(harness.types()).toEqual([solicit, request]);
    expect(harness.reports).toMatchObject([{ kind: 'offered', ip: FIRST }, { kind: 'bound' }]);
    expect(harness.client.lease?.terms).toMatchObject({
      ip: FIRST,
      leaseSeconds: 3600,
      renewSeconds: 1800,
      rebindSeconds: 2880,
    });
  });

  it('is SOLICIT and REPLY where the server commits itself at once, without waiting for other offers', () => {
    const slow = createModelServer6({ duid: Uint8Array.of(0, 1, 2, 3), preference: 7 });
    const harness = new Harness({ servers: [slow, createModelServer6({ commits: true })] });
    harness.give({ kind: 'start' });
    expect(harness.types()).toEqual([solicit]);
    expect(harness.reports).toMatchObject([{ kind: 'bound', lease: { since: harness.now, terms: { ip: FIRST } } }]);
    harness.pass(1_900_000);
    expect(harness.types()).toEqual([renew]);
    expect([...slow.leases.keys()]).toEqual([]);
  });

  it('of several prefixes at once gives back all but one address, each in an exchange of its own', () => {
    const harness = new Harness({ servers: [createModelServer6({ commits: true, alsoFrom: ip('fd78::7') })] });
    harness.give({ kind: 'start' });
    const [first, second] = harness.sent;
    expect(harness.types()).toEqual([solicit, release]);
    expect(second?.outgoing.message.transactionId).not.toBe(first?.outgoing.message.transactionId);
    expect([...harness.server.leases.keys()]).toEqual([FIRST]);
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
  });

  it('takes no REPLY for granted that does not say so', () => {
    const harness = new Harness();
    harness.server.up = false;
    harness.give({ kind: 'start' });
    const server = createModelServer6({ commits: true });
    const reply = server.answer(harness.sent[0]!.outgoing)!;
    const options = reply.message.options.filter(({ code }) => code !== OPTION.rapidCommit);
    harness.give({ kind: 'message', reply: { ...reply, message: { ...reply.message, options } } });
    expect(harness.client.state).toBe('SOLICITING');
  });

  it('repeats itself after 1, 2, 4 … s and every two minutes in the end, in one transaction', () => {
    const harness = new Harness();
    harness.server.up = false;
    harness.give({ kind: 'start' });
    harness.pass(600_000);
    expect(harness.gaps()).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120, 120]);
    expect(new Set(harness.sent.map(({ outgoing }) => outgoing.message.transactionId)).size).toBe(1);
    const elapsed = harness.sent.map(({ outgoing }) => number(optionOf(outgoing.message.options, OPTION.elapsedTime)!));
    expect(elapsed.slice(0, 3)).toEqual([0, 100, 300]);
    // When somebody has been heard it does not sit out the pause.
    harness.server.up = true;
    harness.give({ kind: 'hurry' });
    harness.pass(1200);
    expect(harness.client.state).toBe('BOUND');
  });

  it('takes the offer of the highest preference, at once when it is the utmost', () => {
    const other = { duid: Uint8Array.of(0, 1, 2, 3), first: ip('fd78::1:0') };
    for (const [preference, patience] of [
      [7, 150],
      [255, 0],
    ] as const) {
      const harness = new Harness({ servers: [createModelServer6(), createModelServer6({ ...other, preference })] });
      harness.give({ kind: 'start' });
      harness.pass(patience);
      expect(harness.client.lease?.terms.ip).toBe('fd78::1:0');
      expect(harness.server.leases.size).toBe(0);
    }
  });

  it('of the wished address waits for no other offer', () => {
    const harness = new Harness({ requested: ip('fd77::1:42') });
    harness.give({ kind: 'start' });
    expect(harness.client.lease?.terms.ip).toBe('fd77::1:42');
  });

  it('starts over, later and later, with a server that refuses', () => {
    const harness = new Harness();
    harness.give({ kind: 'start' });
    harness.server.status = STATUS.noAddrsAvail;
    harness.pass(60_000);
    const refusals = harness.reports.filter(({ kind }) => kind === 'refused');
    expect(refusals[0]).toMatchObject({ count: 1, text: 'no such luck' });
    expect(harness.client.lease).toBeUndefined();
    // It offers nothing from then on, and that is no reason to be silent either.
    expect(harness.types().filter((type) => type === solicit).length).toBeGreaterThan(3);
    harness.server.status = undefined;
    harness.pass(120_000);
    expect(harness.client.state).toBe('BOUND');
  });

  it('gives an offer up that is not granted within ten tries', () => {
    const harness = new Harness();
    harness.give({ kind: 'start' });
    harness.server.up = false;
    harness.pass(200);
    harness.pass(300_000);
    expect(harness.types().filter((type) => type === request)).toHaveLength(10);
    expect(harness.client.state).toBe('SOLICITING');
  });
});

describe('keeping a lease', () => {
  it('renews it at T1, for days', () => {
    const harness = bound();
    harness.pass(7 * 24 * 3_600_000);
    expect(new Set(harness.types())).toEqual(new Set([renew]));
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
    expect(harness.reports.every(({ kind }) => kind === 'bound')).toBe(true);
  });

  it('keeps to the server’s T1 and T2, and counts from the request', () => {
    const harness = bound({ servers: [createModelServer6({ t1: 100, t2: 200 })] });
    harness.server.up = false;
    const since = harness.client.lease?.since ?? 0;
    harness.pass(250_000);
    const [first] = harness.sent;
    expect(first?.type).toBe(renew);
    expect((first?.at ?? 0) - since).toBeLessThanOrEqual(100_000);
    expect(harness.sent.find(({ type }) => type === rebind)?.at).toBeLessThanOrEqual(since + 200_000);
  });

  it('asks any server from T2 on, and loses it at its end', () => {
    const harness = bound();
    harness.server.up = false;
    harness.pass(3_000_000);
    expect(harness.client.state).toBe('REBINDING');
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
    harness.pass(3_600_000);
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'expired' } }]);
    expect(harness.client.state).toBe('STOPPED');
  });

  it('requests it anew from a server that has no record of it', () => {
    const harness = bound();
    harness.server.leases.clear();
    harness.pass(1_900_000);
    expect(harness.types()).toEqual([renew, request]);
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
    expect([...harness.server.leases.keys()]).toEqual([FIRST]);
  });

  it('takes the other address that a renewal brings', () => {
    const harness = bound();
    harness.server.renumberTo = ip('fd78::1');
    harness.pass(1_900_000);
    expect(harness.reports).toMatchObject([{ kind: 'bound', lease: { terms: { ip: 'fd78::1' } } }]);
  });

  it('loses it to a server that says no, and not to one in trouble', () => {
    const harness = bound();
    harness.server.status = STATUS.unspecFail;
    harness.pass(1_900_000);
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
    harness.server.status = STATUS.notOnLink;
    harness.pass(700_000);
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'refused', text: 'no such luck' } }]);
  });

  it('is for ever where the server says so', () => {
    const harness = bound({ servers: [createModelServer6({ validSeconds: 0xffff_ffff })] });
    expect(harness.client.deadline()).toBeUndefined();
  });
});

describe('a link that came back', () => {
  const away = { first: ip('fd99::1:0'), duid: Uint8Array.of(0, 1, 2, 3) };

  it('is asked whether the address belongs to it, and the lease goes on where it does', () => {
    const harness = bound();
    harness.give({ kind: 'reconnected' });
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
    harness.pass(1000);
    expect(harness.types()).toEqual([confirm]);
    expect(harness.client.state).toBe('BOUND');
    harness.pass(1_900_000);
    expect(harness.types()).toEqual([renew]);
  });

  it('loses the lease where the server says that it does not, at once to its own', () => {
    const harness = bound();
    harness.servers.splice(0, 1, createModelServer6({ first: away.first }));
    harness.give({ kind: 'reconnected' });
    harness.pass(1000);
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'refused', text: 'no such luck' } }]);
  });

  it('loses it to another server only if its own is not there to say otherwise', () => {
    const harness = bound();
    harness.servers.unshift(createModelServer6(away));
    harness.give({ kind: 'reconnected' });
    harness.pass(5000);
    expect(harness.client.state).toBe('BOUND');
    harness.servers.pop();
    harness.give({ kind: 'reconnected' });
    harness.pass(1000);
    expect(harness.client.lease?.terms.ip).toBe(FIRST);
    harness.pass(2000);
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'refused' } }]);
  });

  it('without a server says nothing about it, except that it may end meanwhile', () => {
    const harness = bound();
    harness.server.up = false;
    harness.give({ kind: 'reconnected' });
    harness.pass(12_000);
    expect(harness.gaps()).toEqual([1, 2, 4]);
    expect(harness.client.state).toBe('BOUND');
    const brief = bound({ servers: [createModelServer6({ validSeconds: 5 })] });
    brief.server.up = false;
    brief.give({ kind: 'reconnected' });
    brief.pass(5000);
    expect(brief.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'expired' } }]);
  });

  it('is none for a client without a lease', () => {
    const harness = new Harness();
    harness.give({ kind: 'reconnected' });
    expect([harness.client.state, harness.types()]).toEqual(['STOPPED', []]);
  });
});

describe('another node', () => {
  const terms = {
    ip: FIRST,
    server: ip('fe80::1'),
    serverId: '00030001027700000001',
    leaseSeconds: 120,
    renewSeconds: 60,
    rebindSeconds: 96,
  };

  it('renews at once what it goes on with', () => {
    const first = bound();
    const next = new Harness({ servers: first.servers });
    next.give({ kind: 'resume', lease: { terms, since: next.now - 10_000 } });
    expect(next.types()).toEqual([renew]);
    expect(next.client.state).toBe('BOUND');
    expect(next.client.lease?.since).toBe(next.now);
  });

  it('goes on without an answer, and asks again at T1', () => {
    const next = new Harness();
    next.server.up = false;
    next.give({ kind: 'resume', lease: { terms, since: next.now } });
    next.pass(11_000);
    expect(next.gaps()).toEqual([1, 2, 4, 3.5]);
    // Of any server by then: the one that gave it may have been replaced.
    expect(next.types()).toEqual([renew, renew, renew, renew, confirm]);
    next.pass(11_000);
    expect(next.client.state).toBe('BOUND');
    next.pass(40_000);
    expect(next.client.state).toBe('RENEWING');
  });

  it('asks about one that has ended by its clock before it gives it up', () => {
    const next = new Harness();
    next.server.up = false;
    next.give({ kind: 'resume', lease: { terms, since: next.now - 500_000 } });
    expect(next.types()).toEqual([renew]);
    next.pass(11_000);
    expect(next.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'expired' } }]);
  });
});

describe('an end', () => {
  it('gives the lease back, in one message', () => {
    const harness = bound();
    harness.give({ kind: 'release', lease: harness.client.lease! });
    expect(harness.types()).toEqual([release]);
    expect(harness.server.leases.size).toBe(0);
    expect(harness.client.state).toBe('STOPPED');
  });

  it('gives back what is asked for when nobody waits for it any more, but not what the Service carries', () => {
    const harness = new Harness();
    harness.give({ kind: 'start' });
    harness.server.up = false;
    harness.pass(200);
    expect(harness.client.state).toBe('REQUESTING');
    harness.give({ kind: 'abandon' });
    expect(harness.types().at(-1)).toBe(release);
    const kept = bound();
    kept.give({ kind: 'abandon', kept: FIRST });
    expect(kept.types()).toEqual([]);
  });

  it('by a conflict is told until it is heard, rests for ten seconds and starts over with another address', () => {
    const harness = bound();
    harness.server.up = false;
    harness.give({ kind: 'conflict', lease: harness.client.lease! });
    harness.give({ kind: 'start' });
    harness.pass(2500);
    expect(harness.types()).toEqual([decline, decline]);
    harness.server.up = true;
    harness.pass(6000);
    expect(harness.types()).toEqual([decline]);
    harness.pass(2000);
    expect(harness.client.lease?.terms.ip).toBe('fd77::1:1');
  });
});

describe('answers', () => {
  it('for another client, or in another transaction, change nothing', () => {
    const harness = new Harness();
    const twin = createDhcp6Client(
      { ...dhcp6IdentityOf(identityOf('other').clientId), hostname: 'x' },
      seededEntropy(1, 0.5),
    );
    harness.server.up = false;
    harness.give({ kind: 'start' });
    harness.server.up = true;
    const [sent] = twin.handle({ kind: 'start' }, harness.now).filter((output) => output.kind === 'send');
    const reply = harness.server.answer(sent!)!;
    expect(reply.message.transactionId).toBe(harness.client.transaction);
    harness.give({ kind: 'message', reply });
    harness.pass(500);
    expect(harness.client.state).toBe('SOLICITING');
  });
});

/** INIT, SELECTING and REQUESTING. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, parseMac } from '../../../src/model/mac.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { textOption } from '../../../src/protocols/dhcp4/options.ts';
import { boundHarness, Harness, requestedOf, serverOf } from './client-harness.ts';
import { createModelServer, seededEntropy, SERVER, SERVER_MAC } from './model-server.ts';

const { discover, request } = MESSAGE_TYPE;

describe('DISCOVER', () => {
  it('is a broadcast from nowhere that asks for a broadcast answer', () => {
    const harness = new Harness({ servers: [] });
    harness.give({ kind: 'start' });
    const { message, ...way } = harness.last.outgoing;
    expect(way).toMatchObject({ sourceIp: '0.0.0.0', targetIp: '255.255.255.255', targetMac: BROADCAST_MAC });
    expect(message).toMatchObject({
      op: 1,
      flags: 0x8000,
      ciaddr: '0.0.0.0',
      chaddr: identityOf('uid-web').mac,
      secs: 0,
    });
    expect(message.options.get(OPTION.clientIdentifier)).toEqual(identityOf('uid-web').clientId);
    expect(textOption(message.options, OPTION.hostName)).toBe('web');
    expect([...message.options.get(OPTION.parameterRequestList)!]).toEqual([1, 3, 6, 15, 51, 54, 58, 59]);
    expect(requestedOf(harness.last.outgoing)).toBeUndefined();
  });

  it('is repeated after 4, 8, 16, 32 and again 32 s, each a second more or less, in one transaction', () => {
    const harness = new Harness({ servers: [] });
    harness.give({ kind: 'start' });
    harness.pass(130_000);
    const times = harness.sent.map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => (at - times[i]!) / 1000);
    expect(gaps).toHaveLength(6);
    for (const [i, expected] of [4, 8, 16, 32, 32, 32].entries())
      expect(Math.abs(gaps[i]! - expected)).toBeLessThanOrEqual(1);
    expect(new Set(gaps.map((gap, i) => gap - [4, 8, 16, 32, 32, 32][i]!)).size).toBeGreaterThan(1);
    expect(new Set(harness.sent.map(({ outgoing }) => outgoing.message.xid)).size).toBe(1);
    expect(harness.last.outgoing.message.secs).toBe(Math.floor((times.at(-1)! - times[0]!) / 1000));
  });

  it('asks for the wished address', () => {
    const harness = boundHarness({ requested: ip('10.77.0.150') });
    expect(harness.lease.terms.ip).toBe('10.77.0.150');
  });

  it('does not wait out a long pause when a server is heard', () => {
    const [server] = [createModelServer()];
    server.up = false;
    const harness = new Harness({ servers: [server] });
    harness.give({ kind: 'start' });
    harness.pass(40_000);
    server.up = true;
    harness.give({ kind: 'hurry' });
    harness.pass(1000);
    expect(harness.client.state).toBe('BOUND');
  });
});

describe('an offer', () => {
  it('is taken with the identifier of its server and in the same transaction', () => {
    const harness = new Harness();
    harness.give({ kind: 'start' });
    expect(harness.sent.map(({ type }) => type)).toEqual([discover, request]);
    const [asked, taken] = harness.sent.map(({ outgoing }) => outgoing);
    expect(taken!.message.xid).toBe(asked!.message.xid);
    expect([requestedOf(taken!), serverOf(taken!)]).toEqual(['10.77.0.100', SERVER]);
    expect(taken!.message.ciaddr).toBe('0.0.0.0');
  });

  it('is taken from whoever is first', () => {
    const servers = [
      createModelServer({ ip: ip('10.77.0.2'), first: ip('10.77.0.200') }),
      createModelServer({ ip: ip('10.77.0.3'), first: ip('10.77.0.210') }),
    ];
    const harness = boundHarness({ servers });
    expect(harness.lease.terms).toMatchObject({ ip: '10.77.0.200', server: '10.77.0.2' });
    expect([servers[0]!.leases.size, servers[1]!.leases.size]).toEqual([1, 0]);
  });

  it('that comes after the ping check of dnsmasq is in time', () => {
    const server = createModelServer();
    const harness = new Harness({ servers: [], entropy: seededEntropy(1, 0) });
    harness.give({ kind: 'start' });
    const offer = server.answer(harness.last.outgoing)!;
    harness.pass(3300);
    expect(harness.sent).toHaveLength(2); // with the shortest jitter one more DISCOVER went out
    harness.give({ kind: 'message', reply: offer });
    expect(harness.client.state).toBe('REQUESTING');
  });

  it.each([
    ['another transaction', { xid: 1 }],
    ['another client', { chaddr: parseMac('02:00:00:00:00:99')! }],
    ['a client', { op: 1 as const }],
    ['no address', { yiaddr: ip('0.0.0.0') }],
    ['a multicast address', { yiaddr: ip('239.1.2.3') }],
  ])('of %s is not heard', (_, change) => {
    const server = createModelServer();
    const harness = new Harness({ servers: [] });
    harness.give({ kind: 'start' });
    const reply = server.answer(harness.last.outgoing)!;
    harness.give({ kind: 'message', reply: { ...reply, message: { ...reply.message, ...change } } });
    expect(harness.client.state).toBe('SELECTING');
  });

  it('without a server identifier is not heard', () => {
    const server = createModelServer();
    const harness = new Harness({ servers: [] });
    harness.give({ kind: 'start' });
    const reply = server.answer(harness.last.outgoing)!;
    const options = new Map(reply.message.options);
    options.delete(OPTION.serverIdentifier);
    harness.give({ kind: 'message', reply: { ...reply, message: { ...reply.message, options } } });
    expect(harness.client.state).toBe('SELECTING');
  });
});

describe('REQUESTING', () => {
  it('ends in a lease with everything the server said', () => {
    const harness = new Harness({ servers: [createModelServer({ leaseSeconds: 7200 })] });
    harness.give({ kind: 'start' });
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['offered', 'bound']);
    expect(harness.lease).toEqual({
      since: harness.now,
      terms: {
        ip: '10.77.0.100',
        server: SERVER,
        serverMac: SERVER_MAC,
        prefixLength: 24,
        router: SERVER,
        leaseSeconds: 7200,
        renewSeconds: 3600,
        rebindSeconds: 6300,
      },
    });
  });

  it('repeats the REQUEST four times, then starts over in a new transaction', () => {
    const harness = new Harness();
    harness.lost = ({ message }) => message.options.get(OPTION.messageType)?.[0] === request;
    harness.give({ kind: 'start' });
    harness.pass(65_000);
    const types = harness.sent.map(({ type }) => type);
    expect(types.slice(0, 6)).toEqual([discover, request, request, request, request, discover]);
    expect(harness.sent[5]!.outgoing.message.xid).not.toBe(harness.sent[0]!.outgoing.message.xid);
    expect(harness.sent[5]!.at - harness.sent[1]!.at).toBeGreaterThan(55_000);
    // RFC 2131 §4.4.1: the same `secs` as in the DISCOVER.
    expect(new Set(harness.sent.slice(0, 5).map(({ outgoing }) => outgoing.message.secs))).toEqual(new Set([0]));
  });

  it('counts the lease from the first REQUEST, since the answer may be to that one', () => {
    const harness = new Harness();
    const begun = harness.now;
    let requests = 0;
    harness.lost = ({ message }) => message.options.get(OPTION.messageType)?.[0] === request && ++requests < 3;
    harness.give({ kind: 'start' });
    harness.pass(20_000);
    expect(harness.lease.since).toBe(begun);
  });

  it('starts over at once after one refusal, and without the wish', () => {
    const server = createModelServer();
    server.refusing = true;
    const harness = new Harness({ servers: [server], requested: ip('10.77.0.150') });
    harness.give({ kind: 'start' });
    expect(harness.client.state).toBe('INIT');
    expect(harness.reports.at(-1)).toMatchObject({ kind: 'refused', server: SERVER, text: 'not-yours', count: 1 });
    server.refusing = false;
    harness.pass(200);
    expect(harness.client.state).toBe('BOUND');
    expect(requestedOf(harness.sent.filter(({ type }) => type === discover)[1]!.outgoing)).toBeUndefined();
  });

  it('leaves a server that goes on refusing more and more in peace', () => {
    const server = createModelServer();
    server.refusing = true;
    const harness = new Harness({ servers: [server] });
    harness.give({ kind: 'start' });
    harness.pass(3_600_000);
    const tries = harness.sent.filter(({ type }) => type === discover).length;
    expect(tries).toBeGreaterThan(30);
    expect(tries).toBeLessThan(130);
  });

  it('does not hear other servers', () => {
    const chosen = createModelServer();
    const other = createModelServer({ ip: ip('10.77.0.9') });
    const harness = new Harness({ servers: [] });
    harness.give({ kind: 'start' });
    harness.give({ kind: 'message', reply: chosen.answer(harness.last.outgoing)! });
    const answer = chosen.answer(harness.last.outgoing)!;
    const options = new Map([
      ...answer.message.options,
      [OPTION.serverIdentifier, Uint8Array.of(10, 77, 0, 9)] as const,
    ]);
    harness.give({ kind: 'message', reply: { ...answer, message: { ...answer.message, options } } });
    expect(harness.client.state).toBe('REQUESTING');
    other.refusing = true;
    harness.give({ kind: 'message', reply: answer });
    expect(harness.client.state).toBe('BOUND');
  });
});

/** What home routers do to the letter of RFC 2131, and what the client makes of it. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Outgoing, Reply } from '../../../src/protocols/dhcp4/client/events.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../src/protocols/dhcp4/message.ts';
import { addressesValue, byteOption, byteValue, secondsValue } from '../../../src/protocols/dhcp4/options.ts';
import { boundHarness, Harness, requestedOf } from './client-harness.ts';
import { createModelServer, SERVER, SERVER_MAC, type ModelServer } from './model-server.ts';

const { ack, nak, offer } = MESSAGE_TYPE;

/** The server with its answers of these types changed. */
function changing(
  types: readonly number[],
  change: (reply: Reply) => Reply,
  server = createModelServer(),
): ModelServer {
  return {
    ...server,
    answer(outgoing: Outgoing) {
      const reply = server.answer(outgoing);
      if (reply === undefined) return undefined;
      return types.includes(byteOption(reply.message.options, OPTION.messageType) ?? 0) ? change(reply) : reply;
    },
  };
}

const message = (reply: Reply, change: Partial<DhcpMessage>): Reply => ({
  ...reply,
  message: { ...reply.message, ...change },
});
const without =
  (...codes: readonly number[]) =>
  (reply: Reply): Reply =>
    message(reply, { options: new Map([...reply.message.options].filter(([code]) => !codes.includes(code))) });
const having =
  (code: number, value: Uint8Array) =>
  (reply: Reply): Reply =>
    message(reply, { options: new Map([...reply.message.options, [code, value]]) });

describe('a server that leaves out', () => {
  it('T1 and T2: they are half and seven eighths of the lease', () => {
    const harness = boundHarness({ servers: [createModelServer({ leaseSeconds: 80 })] });
    expect(harness.lease.terms).toMatchObject({ renewSeconds: 40, rebindSeconds: 70 });
  });

  it('its identifier in the ACK: it is the server that was asked', () => {
    const servers = [changing([ack], without(OPTION.serverIdentifier))];
    const harness = boundHarness({ servers });
    expect(harness.lease.terms.server).toBe(SERVER);
    harness.pass(1_800_000);
    expect(harness.client.state).toBe('BOUND');
    expect(harness.lease.terms.server).toBe(SERVER);
  });

  it('its identifier in the ACK, behind a relay: it is not taken for the relay', () => {
    const relayed = (reply: Reply): Reply => ({ ...reply, sourceIp: ip('10.77.0.254') });
    const server = changing([offer, ack], relayed, createModelServer({ ip: ip('10.99.0.1') }));
    const harness = boundHarness({ servers: [changing([ack], without(OPTION.serverIdentifier), server)] });
    expect(harness.lease.terms).toMatchObject({ server: '10.99.0.1', serverMac: SERVER_MAC });
  });

  it('its identifier in the NAK: the refusal counts', () => {
    const server = createModelServer();
    server.refusing = true;
    const harness = new Harness({ servers: [changing([nak], without(OPTION.serverIdentifier), server)] });
    harness.give({ kind: 'start' });
    expect(harness.reports.at(-1)).toMatchObject({ kind: 'refused', server: SERVER });
  });

  it('the address in the ACK: it is the one that was offered, and at a renewal the one that is held', () => {
    const harness = boundHarness({ servers: [changing([ack], (reply) => message(reply, { yiaddr: ip('0.0.0.0') }))] });
    expect(harness.lease.terms.ip).toBe('10.77.0.100');
    harness.pass(1_800_000);
    expect(harness.reports.at(-1)).toMatchObject({ kind: 'bound', lease: { terms: { ip: '10.77.0.100' } } });
  });

  it('the lease time: it is an hour, as busybox has it', () => {
    const harness = boundHarness({ servers: [changing([offer, ack], without(OPTION.leaseTime))] });
    expect(harness.lease.terms).toMatchObject({ leaseSeconds: 3600, renewSeconds: 1800 });
  });

  it('the subnet mask, and the router: the lease has none', () => {
    const harness = boundHarness({ servers: [changing([offer, ack], without(OPTION.subnetMask, OPTION.router))] });
    expect(Object.keys(harness.lease.terms)).not.toContain('prefixLength');
    expect(Object.keys(harness.lease.terms)).not.toContain('router');
  });
});

describe('a server that grants', () => {
  it('nothing, a lease of 0 seconds, is called a refusal with these words, and not run down', () => {
    const harness = new Harness({ servers: [createModelServer({ leaseSeconds: 0 })] });
    harness.give({ kind: 'start' });
    harness.pass(60_000);
    expect(harness.reports.filter(({ kind }) => kind === 'refused').length).toBeGreaterThan(3);
    expect(harness.reports.at(-1)).toMatchObject({ text: 'it leases 10.77.0.100 for 0 seconds' });
    expect(harness.sent.length).toBeLessThan(20);
    expect(harness.client.lease).toBeUndefined();
  });

  it('nothing at a renewal is not heard: what was granted before stands until its end', () => {
    const server = createModelServer();
    const harness = boundHarness({ servers: [server] });
    server.leaseSeconds = 0;
    harness.pass(3_599_000);
    expect(harness.lease.terms.ip).toBe('10.77.0.100');
    harness.pass(2_000);
    expect(harness.reports.at(-1)).toMatchObject({ kind: 'lost', cause: { kind: 'expired' } });
  });

  it('a lease shorter than a retry keeps it renewed all the same', () => {
    const server = createModelServer({ leaseSeconds: 3 });
    const harness = boundHarness({ servers: [server] });
    harness.pass(60_000);
    expect(harness.reports.every(({ kind }) => kind === 'bound')).toBe(true);
    expect(harness.sent.length).toBeLessThan(70);
  });

  it('a lease shorter than a retry and falls silent has it lost at its end', () => {
    const server = createModelServer({ leaseSeconds: 3 });
    const harness = boundHarness({ servers: [server] });
    server.up = false;
    harness.pass(3_000);
    expect(harness.reports.at(-1)).toMatchObject({ kind: 'lost', cause: { kind: 'expired' } });
  });

  it('a lease for ever is not asked again', () => {
    const harness = boundHarness({ servers: [createModelServer({ leaseSeconds: 0xffff_ffff })] });
    harness.pass(365 * 24 * 3_600_000);
    expect(harness.types()).toEqual([]);
    expect(harness.client.state).toBe('BOUND');
  });
});

describe('a server that writes', () => {
  /** Through bytes, as they come off the wire. */
  const overTheWire = (change: (bytes: Uint8Array) => Uint8Array): ModelServer =>
    changing([offer, ack], (reply) => ({ ...reply, message: decodeMessage(change(encodeMessage(reply.message))) }));

  it('options into the file and sname fields is read there', () => {
    const harness = boundHarness({
      servers: [
        overTheWire((bytes) => {
          const changed = Uint8Array.from(bytes);
          // Moves everything behind the type and the identifier (3 + 6 bytes) into `file`, its last option into `sname`.
          const rest = changed.slice(249, 249 + 18);
          changed.fill(0, 249);
          changed.set([OPTION.overload, 1, 3, OPTION.end], 249);
          changed.set([...rest.slice(0, 12), OPTION.end], 108);
          changed.set([...rest.slice(12), OPTION.end], 44);
          return changed;
        }),
      ],
    });
    expect(harness.lease.terms).toMatchObject({ leaseSeconds: 3600, prefixLength: 24, router: SERVER });
  });

  it('padding between its options is understood', () => {
    const padded = overTheWire((bytes) =>
      Uint8Array.of(...bytes.subarray(0, 243), 0, 0, 0, ...bytes.subarray(243, 249), 0, ...bytes.subarray(249)),
    );
    expect(boundHarness({ servers: [padded] }).lease.terms).toMatchObject({ server: SERVER, router: SERVER });
  });

  it('a long option in pieces (RFC 3396) is understood', () => {
    const piece = (part: string): number[] => [OPTION.domainName, part.length, ...Buffer.from(part)];
    const split = overTheWire((bytes) =>
      Uint8Array.of(
        ...bytes.subarray(0, 240),
        ...piece('home.'),
        ...bytes.subarray(240, 243),
        ...piece('arpa'),
        ...bytes.subarray(243),
      ),
    );
    expect(boundHarness({ servers: [split] }).lease.terms.domain).toBe('home.arpa');
  });

  it('a name of its own, or rubbish, where the client has said who it is, is no reason to refuse the lease', () => {
    const garbage = Uint8Array.of(0xff, 0x00, 0x57, 0x45, 0x42, 0x0a, 0x9b);
    const servers = [
      changing([offer, ack], (reply) => having(OPTION.domainName, garbage)(having(OPTION.hostName, garbage)(reply))),
    ];
    const harness = boundHarness({ servers, hostname: 'Web_Ünder' });
    expect(harness.lease.terms).toMatchObject({ ip: '10.77.0.100', domain: '?WEB??' });
  });

  it('a mask with holes, or a router that is none, is believed in the rest', () => {
    const servers = [
      changing([offer, ack], (reply) =>
        having(OPTION.subnetMask, Uint8Array.of(255, 0, 255, 0))(having(OPTION.router, byteValue(1))(reply)),
      ),
    ];
    const { terms } = boundHarness({ servers }).lease;
    expect([terms.ip, terms.prefixLength, terms.router]).toEqual(['10.77.0.100', undefined, undefined]);
  });

  it('0.0.0.0 for its identifier in the ACK is the server that was asked', () => {
    const servers = [changing([ack], having(OPTION.serverIdentifier, addressesValue(ip('0.0.0.0'))))];
    expect(boundHarness({ servers }).lease.terms.server).toBe(SERVER);
  });

  it('T1 behind T2, and T2 behind the end, has them put right', () => {
    const servers = [
      changing([ack], (reply) =>
        having(OPTION.renewalTime, secondsValue(9000))(having(OPTION.rebindingTime, secondsValue(8000))(reply)),
      ),
    ];
    expect(boundHarness({ servers }).lease.terms).toMatchObject({ renewSeconds: 1800, rebindSeconds: 3150 });
  });
});

describe('two servers on the LAN', () => {
  const OTHER = ip('10.77.0.2');
  const other = (): ModelServer =>
    createModelServer({ ip: OTHER, mac: parseMac('02:77:00:00:00:02')!, first: ip('10.77.0.200') });

  it('offer: the wished address is taken, though the other server is faster', () => {
    const wish = ip('10.77.0.150');
    const harness = new Harness({ servers: [other(), createModelServer()], requested: wish });
    harness.give({ kind: 'start' });
    expect(harness.lease.terms).toMatchObject({ ip: wish, server: SERVER });
  });

  it('offer, and neither the wished address: the first is taken after a moment', () => {
    const harness = new Harness({ servers: [other(), createModelServer()], requested: ip('192.168.1.5') });
    harness.give({ kind: 'start' });
    expect(harness.client.state).toBe('SELECTING');
    harness.pass(100);
    expect(harness.lease.terms).toMatchObject({ ip: '10.77.0.200', server: OTHER });
  });

  it('are remembered apart: the one that gave the lease is asked for more, the other is left alone', () => {
    const servers = [createModelServer(), other()];
    const harness = boundHarness({ servers });
    servers[1]!.seen.length = 0;
    harness.pass(24 * 3_600_000);
    expect(servers[1]!.seen).toEqual([]);
    expect(harness.lease.terms.server).toBe(SERVER);
  });
});

describe('a server that knows clients', () => {
  it('by hardware address alone gives each Service an address of its own', () => {
    const server = createModelServer();
    const [web, db] = ['uid-web', 'uid-db'].map((uid) => boundHarness({ servers: [server], uid }).lease.terms.ip);
    expect(web).not.toBe(db);
  });

  it('by client identifier alone does too, and goes on with the lease', () => {
    // Sees the same hardware address in everybody; tells clients by option 61.
    const server = createModelServer();
    const byIdentifier: ModelServer = {
      ...server,
      answer(outgoing) {
        const id = outgoing.message.options.get(OPTION.clientIdentifier)!.slice(-5);
        const stands = parseMac(`02${[...id].map((byte) => `:${byte.toString(16).padStart(2, '0')}`).join('')}`)!;
        const reply = server.answer({ ...outgoing, message: { ...outgoing.message, chaddr: stands } });
        return reply && message(reply, { chaddr: outgoing.message.chaddr });
      },
    };
    const [web, db] = ['uid-web', 'uid-db'].map((uid) => boundHarness({ servers: [byIdentifier], uid }));
    expect(web!.lease.terms.ip).not.toBe(db!.lease.terms.ip);
    web!.pass(24 * 3_600_000);
    expect(web!.reports.every(({ kind }) => kind === 'bound')).toBe(true);
  });

  it('and has one reserved for this one: a wish is no more than a wish', () => {
    const server = createModelServer();
    const reserved = ip('10.77.0.42');
    const servers = [changing([offer], (reply) => message(reply, { yiaddr: reserved }), server)];
    const harness = new Harness({ servers, requested: ip('10.77.0.150') });
    harness.give({ kind: 'start' });
    harness.pass(100);
    expect(harness.lease.terms.ip).toBe(reserved);
    expect(requestedOf(harness.sent[1]!.outgoing)).toBe(reserved);
  });
});

/** INIT-REBOOT and REBOOTING, release, decline and stop. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC } from '../../../src/model/mac.ts';
import type { HeldLease } from '../../../src/protocols/dhcp4/client/lease.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp4/codes.ts';
import { boundHarness, Harness, requestedOf, serverOf } from './client-harness.ts';
import { createModelServer, SERVER, SERVER_MAC, type ModelServer } from './model-server.ts';

const HOUR = 3_600_000;
const { request, release, decline, discover } = MESSAGE_TYPE;

/** A second node's client, and the lease of the first. */
function moved(servers: ModelServer[] = [createModelServer()]): { harness: Harness; lease: HeldLease } {
  const { lease } = boundHarness({ servers });
  for (const server of servers) server.seen.length = 0;
  return { harness: new Harness({ servers }), lease };
}

describe('a lease that moves to another node', () => {
  it('is confirmed by a broadcast without server and with the address as a wish', () => {
    const { harness, lease } = moved();
    harness.give({ kind: 'resume', lease });
    const { outgoing } = harness.last;
    expect(harness.sent.map(({ type }) => type)).toEqual([request]);
    expect([requestedOf(outgoing), serverOf(outgoing)]).toEqual([lease.terms.ip, undefined]);
    expect(outgoing).toMatchObject({ sourceIp: '0.0.0.0', targetMac: BROADCAST_MAC, message: { ciaddr: '0.0.0.0' } });
    expect(harness.client.state).toBe('BOUND');
    expect(harness.lease.terms.ip).toBe(lease.terms.ip);
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
  });

  it('is ours meanwhile, and stays so when no server answers', () => {
    const { harness, lease } = moved();
    harness.lost = () => true;
    harness.give({ kind: 'resume', lease });
    expect([harness.client.state, harness.client.lease]).toEqual(['REBOOTING', lease]);
    harness.pass(70_000);
    expect([harness.client.state, harness.client.lease]).toEqual(['BOUND', lease]);
    expect(harness.types()).toEqual([request, request, request, request]);
    harness.lost = () => false;
    harness.pass(HOUR / 2);
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
  });

  it('is one to be rebound from T2 on, as it would be where it came from, and asks a while at first where T2 has passed', () => {
    for (const [left, after] of [
      [20_000, 20_000],
      [-60_000, 10_000],
    ] as const) {
      const { harness, lease } = moved();
      const { rebindSeconds, leaseSeconds } = lease.terms;
      const old = { ...lease, since: harness.now + left - rebindSeconds * 1000 };
      harness.lost = () => true;
      harness.give({ kind: 'resume', lease: old });
      harness.pass(after - 1);
      expect(harness.client.state).toBe('REBOOTING');
      harness.pass(1);
      expect([harness.client.state, harness.client.lease]).toEqual(['REBINDING', old]);
      harness.pass((leaseSeconds - rebindSeconds) * 1000);
      expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'expired' } }]);
    }
  });

  it('is lost to a NAK of its server', () => {
    const servers = [createModelServer()];
    const { harness, lease } = moved(servers);
    servers[0]!.leases.clear();
    harness.give({ kind: 'resume', lease });
    expect(harness.reports).toMatchObject([{ kind: 'lost', lease, cause: { kind: 'refused', server: SERVER } }]);
    expect(harness.client.lease).toBeUndefined();
  });

  it('is not lost to the NAK of a server that never gave it', () => {
    const [own, stranger] = [createModelServer(), createModelServer({ ip: ip('10.77.0.2') })];
    const { harness, lease } = moved([own]);
    harness.servers.unshift(stranger);
    harness.give({ kind: 'resume', lease });
    expect(harness.client.state).toBe('BOUND');
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
    harness.pass(60_000);
    expect(harness.reports).toHaveLength(1);
  });

  it('is lost to that NAK when its own server is gone', () => {
    const [own, stranger] = [createModelServer(), createModelServer({ ip: ip('10.77.0.2') })];
    const { harness, lease } = moved([own]);
    own.up = false;
    harness.servers.unshift(stranger);
    harness.give({ kind: 'resume', lease });
    expect(harness.reports).toEqual([]);
    harness.pass(2500);
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'refused', server: '10.77.0.2' } }]);
  });

  it('that ran out long ago is asked about for ten seconds', () => {
    const { harness, lease } = moved();
    harness.lost = () => true;
    harness.give({ kind: 'resume', lease: { ...lease, since: harness.now - 5 * HOUR } });
    harness.pass(9_999);
    expect(harness.reports).toEqual([]);
    harness.pass(1);
    expect(harness.reports).toMatchObject([{ kind: 'lost', cause: { kind: 'expired' } }]);
  });

  it('that ran out but still stands is taken up', () => {
    const { harness, lease } = moved();
    harness.give({ kind: 'resume', lease: { ...lease, since: harness.now - 5 * HOUR } });
    expect(harness.reports.map(({ kind }) => kind)).toEqual(['bound']);
    expect(harness.lease.since).toBe(harness.now);
  });

  it('past T1 renews as soon as nobody has answered', () => {
    const { harness, lease } = moved();
    harness.lost = ({ targetMac }) => targetMac === BROADCAST_MAC;
    harness.give({ kind: 'resume', lease: { ...lease, since: harness.now - 0.6 * HOUR } });
    harness.pass(70_000);
    expect(harness.last.outgoing.targetIp).toBe(SERVER);
    expect(harness.client.state).toBe('BOUND');
  });
});

describe('release', () => {
  it('tells the server once, and nothing is sent afterwards', () => {
    const servers = [createModelServer()];
    const harness = boundHarness({ servers });
    const { lease } = harness;
    harness.give({ kind: 'release', lease });
    const { outgoing } = harness.last;
    expect(outgoing).toMatchObject({ sourceIp: lease.terms.ip, targetIp: SERVER, targetMac: SERVER_MAC });
    expect(outgoing.message.ciaddr).toBe(lease.terms.ip);
    expect([serverOf(outgoing), requestedOf(outgoing)]).toEqual([SERVER, undefined]);
    expect(servers[0]!.leases.size).toBe(0);
    harness.pass(24 * HOUR);
    harness.give({ kind: 'hurry' });
    expect(harness.types()).toEqual([release]);
    expect([harness.client.state, harness.client.lease]).toEqual(['STOPPED', undefined]);
  });

  it('works on a node that never used the lease, and without knowing where the server is', () => {
    const { harness, lease } = moved();
    const { serverMac, ...terms } = lease.terms;
    expect(serverMac).toBe(SERVER_MAC);
    harness.give({ kind: 'release', lease: { ...lease, terms } });
    expect(harness.last.outgoing).toMatchObject({ targetIp: SERVER, targetMac: BROADCAST_MAC });
    expect(harness.servers[0]!.leases.size).toBe(0);
  });
});

describe('stop', () => {
  it('says nothing and leaves the lease with the server', () => {
    const harness = boundHarness();
    harness.give({ kind: 'stop' });
    harness.pass(24 * HOUR);
    expect(harness.types()).toEqual([]);
    expect(harness.servers[0]!.leases.size).toBe(1);
  });
});

describe('a conflict', () => {
  it('is declined, and ten seconds later another address is had, if one is wanted', () => {
    const harness = boundHarness();
    const { lease } = harness;
    harness.give({ kind: 'conflict', lease });
    harness.give({ kind: 'start' });
    expect(harness.types()).toEqual([decline]);
    expect(harness.client.lease).toBeUndefined();
    harness.pass(9_999);
    expect(harness.types()).toEqual([]);
    harness.pass(1);
    expect(harness.types()).toEqual([discover, request]);
    expect(harness.lease.terms.ip).toBe('10.77.0.101');
  });

  it('ends the wish for the address', () => {
    const wish = ip('10.77.0.150');
    const harness = boundHarness({ requested: wish });
    harness.give({ kind: 'conflict', lease: harness.lease });
    harness.give({ kind: 'start' });
    harness.pass(10_000);
    expect(requestedOf(harness.sent.find(({ type }) => type === discover)!.outgoing)).toBeUndefined();
  });

  it('is the end when nobody asks for more', () => {
    const harness = boundHarness();
    harness.give({ kind: 'conflict', lease: harness.lease });
    harness.pass(HOUR);
    expect(harness.types()).toEqual([decline]);
    expect(harness.client.state).toBe('STOPPED');
  });
});

describe('an acquisition that nobody waits for any more', () => {
  it('gives back what was granted', () => {
    const servers = [createModelServer()];
    const harness = boundHarness({ servers });
    harness.give({ kind: 'abandon' });
    expect(harness.types().at(-1)).toBe(release);
    expect(servers[0]!.leases.size).toBe(0);
    expect(harness.client.state).toBe('STOPPED');
  });

  it('gives back what may be granted while the answer is on its way', () => {
    const servers = [createModelServer()];
    const harness = new Harness({ servers });
    harness.lost = (outgoing) => serverOf(outgoing) !== undefined && harness.client.state !== 'STOPPED';
    harness.give({ kind: 'start' });
    harness.pass(2000);
    expect(harness.client.state).toBe('REQUESTING');
    harness.lost = () => false;
    harness.give({ kind: 'abandon' });
    expect(harness.last).toMatchObject({ type: release, outgoing: { targetIp: SERVER, targetMac: SERVER_MAC } });
    harness.pass(HOUR);
    expect(servers[0]!.leases.size).toBe(0);
  });

  it('is silent when nothing was asked for yet', () => {
    const harness = new Harness({ servers: [] });
    harness.give({ kind: 'start' });
    harness.pass(1000);
    harness.types();
    harness.give({ kind: 'abandon' });
    harness.pass(HOUR);
    expect(harness.types()).toEqual([]);
  });
});

/**
 * What an election relies on in etcd, whoever answers: run against the one in simulated time, and against Debian's. So the
 * former is known to behave like a real one.
 */
import { expect, it } from 'vitest';
import { EtcdElectionClient } from '../../src/exposure/ownership/etcd/client.ts';
import type { EtcdWire } from '../../src/exposure/ownership/etcd/port.ts';
import type { LeaseId } from '../../src/protocols/etcd/candidates.ts';
import * as gateway from '../../src/protocols/etcd/gateway.ts';

export interface EtcdSuiteWorld {
  readonly wire: EtcdWire;
  /** Lets so much time pass, in milliseconds. */
  readonly pass: (time: number) => Promise<void>;
  /** Lets time pass until it is settled. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

const GONE = '4711' as LeaseId;
let elections = 0;

/** @param make called for each test. */
export function describeEtcd(make: () => EtcdSuiteWorld): void {
  const client = (wire: EtcdWire, name = `suite-${elections++}`): EtcdElectionClient =>
    new EtcdElectionClient(wire, name, 3000);

  it('has candidates in the order in which they entered, who each say who they are', async () => {
    const { wire, run } = make();
    const one = client(wire);
    const leases = [await run(one.grant(5000)), await run(one.grant(5000))].map(({ lease }) => lease);
    expect(leases[0]).not.toBe(leases[1]);
    const [first, second] = leases.toReversed() as [LeaseId, LeaseId];
    expect(await run(one.enter(first, 'n2.example'))).toBe('entered');
    expect(await run(one.enter(second, 'n1'))).toBe('entered');
    // Said twice it keeps its place.
    expect(await run(one.enter(first, 'n2.example'))).toBe('entered');
    const { candidates, lease } = await run(one.look(undefined));
    expect(candidates.map(({ id, lease: of }) => [id, of])).toEqual([
      ['n2.example', first],
      ['n1', second],
    ]);
    expect(lease).toMatchObject({ ttl: 5000 });
    expect((await run(one.look(first))).lease).toBeUndefined();
    expect((await run(client(wire, 'suite').look(undefined))).candidates).toEqual([]);
  });

  it('takes a candidate away with its lease, at once when that is revoked', async () => {
    const { wire, run } = make();
    const one = client(wire);
    const { lease } = await run(one.grant(5000));
    await run(one.enter(lease, 'n1'));
    expect(await run(one.renew(lease))).toBe('renewed');
    await run(one.revoke(lease));
    expect((await run(one.look(undefined))).candidates).toEqual([]);
    expect(await run(one.renew(lease))).toBe('gone');
    expect(await run(one.enter(lease, 'n1'))).toBe('gone');
    await run(one.revoke(lease));
    expect(await run(one.renew(GONE))).toBe('gone');
  });

  it('lets a lease run out that is not renewed, tells how old it is, and grants two seconds at least', async () => {
    const { wire, run, pass } = make();
    const one = client(wire);
    const { lease, ttl } = await run(one.grant(1000));
    expect(ttl).toBe(2000);
    await run(one.enter(lease, 'n1'));
    await pass(1100);
    const { lease: age } = await run(one.look(undefined));
    expect(age?.age).toBeGreaterThanOrEqual(1000);
    await pass(2400);
    expect((await run(one.look(undefined))).candidates).toEqual([]);
  });

  it('tells whoever watches when that begins, and of each change', async () => {
    const { wire, run, pass } = make();
    const one = client(wire);
    let changes = 0;
    const errors: unknown[] = [];
    const watch = one.watch(
      () => changes++,
      (error) => errors.push(error),
    );
    await pass(300);
    expect(changes).toBe(1);
    const { lease } = await run(one.grant(5000));
    await run(one.enter(lease, 'n1'));
    await pass(300);
    expect(changes).toBe(2);
    await run(one.revoke(lease));
    await pass(300);
    expect(changes).toBe(3);
    watch.close();
    await run(one.grant(5000).then(async (next) => one.enter(next.lease, 'n1')));
    await pass(300);
    expect([changes, errors]).toEqual([3, []]);
  });

  it('refuses what it does not know in its own words', async () => {
    const { wire, run } = make();
    const answer = await run(wire.post(gateway.enterElection('suite', GONE, 'n1'), 3000));
    expect(gateway.readRefusal(answer)).toEqual({
      code: gateway.NOT_FOUND,
      message: 'etcdserver: requested lease not found',
    });
  });
}

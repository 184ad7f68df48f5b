/**
 * What every RouterClient does, whatever it speaks and whoever answers. Run against the router in memory and, in
 * test/netns/router, against miniupnpd: so the one in memory is known to behave like a real one.
 */
import { expect, it } from 'vitest';
import type { Ip } from '../../../src/model/ip.ts';
import type { MapAnswer, MappingAsk, RouterClient } from '../../../src/exposure/router/client.ts';
import type { MappingRecord } from '../../../src/exposure/router/port.ts';

export interface TableEntry {
  readonly protocol: 'TCP' | 'UDP';
  readonly externalPort: number;
  readonly internalIp: string;
  readonly internalPort: number;
}

export interface RouterClientWorld {
  readonly client: RouterClient;
  /** A virtual IP that requests may come from. */
  readonly source: Ip;
  /** Another one of this node. */
  readonly otherSource: Ip;
  readonly externalIp: Ip;
  /** What the router really forwards. */
  readonly table: () => Promise<readonly TableEntry[]>;
  /** Another machine takes a TCP port. */
  readonly occupy: (externalPort: number) => Promise<void>;
  /** From now on the router refuses to make mappings for `source`. */
  readonly refuse: () => Promise<void>;
  readonly switchOff: () => Promise<void>;
  /** Waits for an answer, moving the clock where there is none of its own. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

/** Registers the tests. `create` gives a new world with an empty table; `dispose` is called after each. */
export function describeRouterClient(
  create: () => Promise<RouterClientWorld>,
  dispose: (world: RouterClientWorld) => Promise<void> = () => Promise.resolve(),
): void {
  const test = (name: string, body: (world: RouterClientWorld, ask: MappingAsk) => Promise<void>): void => {
    it(name, async () => {
      const world = await create();
      try {
        await body(world, {
          protocol: 'TCP',
          internalPort: 80,
          externalPort: 8080,
          source: world.source,
          lifetime: 3_600_000,
          description: 'kubevip/default/web',
          uid: '3c7e1f0a-4e0b-4c55-9a0e-8a3b1f6f0c11',
          formerIps: [],
          known: false,
        });
      } finally {
        await dispose(world);
      }
    });
  };
  const entry = ({ protocol, externalPort, internalPort, source }: MappingAsk): TableEntry => ({
    protocol,
    externalPort,
    internalPort,
    internalIp: source,
  });
  const recordOf = (answer: MapAnswer): MappingRecord => {
    expect(answer).toMatchObject({ kind: 'mapped' });
    if (answer.kind !== 'mapped') throw new Error(answer.kind);
    return answer.record;
  };

  test('opens the port asked for and records what it takes to go on', async ({ client, run, table }, ask) => {
    const record = recordOf(await run(client.map(ask)));
    expect(record).toMatchObject({ ...entry(ask), method: client.method, gateway: client.gateway });
    expect(record.lifetime).toBe(3_600_000);
    expect(await table()).toEqual([entry(ask)]);
  });

  test('opens UDP beside TCP of the same number', async ({ client, run, table }, ask) => {
    const udp = { ...ask, protocol: 'UDP' as const };
    recordOf(await run(client.map(ask)));
    recordOf(await run(client.map(udp)));
    expect(await table()).toHaveLength(2);
    expect(await table()).toEqual(expect.arrayContaining([entry(ask), entry(udp)]));
  });

  test('refreshes without a second mapping', async ({ client, run, table }, ask) => {
    const first = recordOf(await run(client.map(ask)));
    expect(recordOf(await run(client.map(ask)))).toEqual(first);
    expect(await table()).toEqual([entry(ask)]);
  });

  test('reads back, or says that it cannot', async ({ client, run, occupy }, ask) => {
    const before = await run(client.find(ask));
    if (before.kind === 'unknown') return;
    expect(before).toEqual({ kind: 'absent' });
    recordOf(await run(client.map(ask)));
    expect(await run(client.find(ask))).toMatchObject({ kind: 'ours' });
    await occupy(8081);
    const foreign = await run(client.find({ ...ask, externalPort: 8081 }));
    expect(foreign).toMatchObject({ kind: 'foreign', holder: { ip: '10.77.0.50', port: 8081 } });
  });

  test('removes what it made, and only that', async ({ client, source, run, table }, ask) => {
    const other = { ...ask, internalPort: 443, externalPort: 8443 };
    const record = recordOf(await run(client.map(ask)));
    recordOf(await run(client.map(other)));
    expect(await run(client.unmap(record, source))).toEqual({ kind: 'gone' });
    expect(await table()).toEqual([entry(other)]);
  });

  test('finds nothing wrong with removing what is gone', async ({ client, source, run }, ask) => {
    const record = recordOf(await run(client.map(ask)));
    await run(client.unmap(record, source));
    expect(await run(client.unmap(record, source))).toEqual({ kind: 'gone' });
  });

  test('takes no port from another machine, and settles for no other port', async (world, ask) => {
    await world.occupy(8080);
    const before = await world.table();
    expect(await world.run(world.client.map(ask))).toMatchObject({ kind: 'taken' });
    expect(await world.table()).toEqual(before);
  });

  test('removes nothing of another machine that has the port by now', async (world, ask) => {
    const record = recordOf(await world.run(world.client.map(ask)));
    expect(await world.run(world.client.unmap(record, world.source))).toEqual({ kind: 'gone' });
    await world.occupy(8080);
    expect(await world.run(world.client.unmap(record, world.source))).toEqual({ kind: 'gone' });
    expect(await world.table()).toMatchObject([{ externalPort: 8080, internalIp: '10.77.0.50' }]);
  });

  test('moves an internal port to another external one', async ({ client, source, run, table }, ask) => {
    const moved = { ...ask, externalPort: 9090 };
    const record = recordOf(await run(client.map(ask)));
    await run(client.unmap(record, source));
    recordOf(await run(client.map(moved)));
    expect(await table()).toEqual([entry(moved)]);
  });

  test('passes on a refusal with code and words', async ({ client, run, refuse, table }, ask) => {
    await refuse();
    const answer = await run(client.map(ask));
    expect(answer).toMatchObject({ kind: 'refused', code: expect.stringMatching(/^\d+ \S/) as string });
    expect(await table()).toEqual([]);
  });

  test('asks for each mapping from its own address', async ({ client, otherSource, run, table }, ask) => {
    const other = { ...ask, source: otherSource, externalPort: 8081 };
    recordOf(await run(client.map(ask)));
    recordOf(await run(client.map(other)));
    expect(await table()).toHaveLength(2);
    expect(await table()).toEqual(expect.arrayContaining([entry(ask), entry(other)]));
  });

  test('tells the outer address, with the mapping or by itself', async ({ client, source, externalIp, run }, ask) => {
    const record = recordOf(await run(client.map(ask)));
    const alive = await run(client.check(source));
    expect(alive).toMatchObject({ kind: 'alive' });
    expect(record.externalIp ?? (alive.kind === 'alive' ? alive.externalIp : undefined)).toBe(externalIp);
  });

  test('says that nobody answers', async ({ client, source, run, switchOff }, ask) => {
    const record = recordOf(await run(client.map(ask)));
    await switchOff();
    for (const answer of [client.map(ask), client.check(source), client.unmap(record, source)]) {
      expect(await run<unknown>(answer)).toMatchObject({
        kind: 'unreachable',
        words: expect.stringMatching(/\w/) as string,
      });
    }
  });
}

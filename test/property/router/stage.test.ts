/** Whatever happens to router and Services, in whatever order: no foreign mapping is touched and nothing of ours stays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRouterMappings } from '../../../src/exposure/router/mappings.ts';
import type { MappingRecord, MappingRequest, WantedPort } from '../../../src/exposure/router/port.ts';
import { mappingDescription } from '../../../src/exposure/router/description.ts';
import { createRouterWorld, OTHER_VIP, VIP } from '../../support/router-world.ts';

const RUNS = 500;

const port: fc.Arbitrary<WantedPort> = fc.record({
  protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
  internalPort: fc.integer({ min: 80, max: 82 }),
  externalPort: fc.integer({ min: 8080, max: 8082 }),
});
const ports = fc.uniqueArray(port, {
  minLength: 1,
  maxLength: 3,
  selector: ({ protocol, internalPort }) => `${protocol} ${internalPort}`,
});
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('want' as const), service: fc.constantFrom(0, 1), ports }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), service: fc.constantFrom(0, 1) }) },
  fc.record({ kind: fc.constant('move' as const), service: fc.constantFrom(0, 1) }),
  fc.record({ kind: fc.constantFrom('restart' as const, 'power' as const, 'pcp' as const, 'natPmp' as const) }),
  fc.record({ kind: fc.constant('occupy' as const), port: fc.integer({ min: 8080, max: 8082 }) }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 100_000 }) }) },
);

describe('the router stage', () => {
  it('ends with what is wanted, and with nothing when nothing is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), async (events) => {
        const { clock, network, router } = await createRouterWorld();
        const agents = [createRouterMappings({ network, clock }), createRouterMappings({ network, clock })];
        const services = [VIP, OTHER_VIP].map((ip, i) => ({
          owner: 0,
          key: `default/s${i}` as const,
          ip,
          ports: [] as WantedPort[],
          previous: [] as readonly MappingRecord[],
        }));
        const foreign = new Set<string>();
        const requestOf = (service: (typeof services)[number]): MappingRequest => ({
          service: service.key,
          uid: service.key,
          ip: service.ip,
          link: 'eth0',
          ports: service.ports,
          lifetime: 86_400_000,
          previous: service.previous,
        });
        /** As the reconciler does: asks the owner, and writes down what is ready. */
        const reconcile = (): void => {
          for (const service of services) {
            const agent = agents[service.owner]!;
            if (service.ports.length > 0) {
              const decision = agent.ensure(requestOf(service));
              if (decision.state === 'ready') service.previous = decision.value.records;
            } else if (agent.withdraw(requestOf(service)).state === 'off') service.previous = [];
          }
        };
        const restart = (): void => {
          router.restart('loudly');
          foreign.clear();
        };
        /** With the power its memory goes. */
        const power = (on: boolean): void => {
          if (on && !router.set.on) restart();
          router.set.on = on;
        };
        const pass = async (ms: number): Promise<void> => {
          for (let passed = 0; passed <= ms; passed += 5000) {
            reconcile();
            await clock.advanceAsync(Math.min(5000, Math.max(ms - passed, 1)));
          }
          reconcile();
        };
        for (const each of events) {
          const service = 'service' in each ? services[each.service]! : services[0]!;
          if (each.kind === 'want') service.ports = each.ports;
          if (each.kind === 'withdraw') service.ports = [];
          if (each.kind === 'move') {
            agents[service.owner]!.yield(service.key);
            service.owner = 1 - service.owner;
          }
          if (each.kind === 'restart') restart();
          if (each.kind === 'power') power(!router.set.on);
          if (each.kind === 'pcp' || each.kind === 'natPmp') router.set[each.kind] = !router.set[each.kind];
          if (each.kind === 'occupy' && !router.table().has(`TCP ${each.port}`)) {
            router.occupy(`TCP ${each.port}`);
            foreign.add(`TCP ${each.port}`);
          }
          if (each.kind === 'wait') await pass(each.ms);
          reconcile();
        }
        power(true);
        await pass(1_300_000);
        const table = router.table();
        for (const key of foreign) expect(table.get(key)?.internalIp).toBe('10.77.0.50');
        const wanted = services.flatMap((service) =>
          service.ports.map((each) => `${each.protocol} ${each.externalPort}`),
        );
        const contested = (each: WantedPort): boolean => {
          const key = `${each.protocol} ${each.externalPort}`;
          return foreign.has(key) || wanted.filter((other) => other === key).length > 1;
        };
        for (const service of services) {
          if (service.ports.length === 0) continue;
          const decision = agents[service.owner]!.ensure(requestOf(service));
          if (!service.ports.some(contested)) expect(decision).toMatchObject({ state: 'ready' });
          if (decision.state !== 'ready') continue;
          const open = [...table.values()].filter(({ internalIp }) => internalIp === service.ip);
          const facts = (list: readonly WantedPort[]): string[] =>
            list.map((each) => `${each.protocol} ${each.internalPort} ${each.externalPort}`).sort();
          expect(facts(open)).toEqual(facts(service.ports));
        }
        for (const service of services) service.ports = [];
        await pass(20_000);
        expect([...router.table().keys()].sort()).toEqual([...foreign].sort());
        for (const agent of agents) agent.close();
      }),
      { numRuns: RUNS },
    );
  }, 60_000);

  it('names its mappings in letters that routers give back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (namespace, name) => {
        const text = mappingDescription(`${namespace}/${name}`);
        expect(text).toMatch(/^[A-Za-z0-9/._-]{1,64}$/);
      }),
    );
  });
});

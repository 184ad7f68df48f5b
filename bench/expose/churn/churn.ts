/**
 * Services created, changed and deleted in random order, while somebody listens to the whole LAN: each shall be right
 * soon after its last change, and in the end nothing shall be left.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { nodeAddresses } from '../../../src/lab/layout.ts';
import { readLeases } from '../../../src/lab/router/dnsmasq.ts';
import { readMappings } from '../../../src/lab/router/nat.ts';
import { CONDITION, FINALIZER } from '../../../src/model/annotations.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { chanceFrom } from '../../../test/support/chance.ts';
import type { BenchLab } from '../bench-lab.ts';
import { watchLan, type LanWatch } from './lan.ts';
import { resolveNames } from './names.ts';
import { planChurn, type Life, type Moment } from './plan.ts';
import { watchServices, type Registry } from './registry.ts';
import { remainsOf } from './remains.ts';
import { Subject, type Surroundings } from './subject.ts';
import { patchTo, serviceFor } from './wish.ts';

export interface ChurnOptions {
  readonly services: number;
  /** Milliseconds in which all of it happens. */
  readonly span: number;
  readonly seed: number;
  /** From an address being on no record any more to its not being answered for. Default: {@link GRACE_MS}. */
  readonly graceMs?: number;
  /** What is not right by then is a problem. Default: {@link SETTLE_MS}. */
  readonly settleMs?: number;
}

export interface ChurnReport {
  /** Milliseconds from the last change of each Service until it was right. */
  readonly samples: readonly number[];
  /** Whatever is not as it shall be; empty when all is well. */
  readonly problems: readonly string[];
  /** For people: the slowest, and those that were right too early. Their time counts until they were right for good. */
  readonly notes: readonly string[];
}

/** The pool: with the DHCP range of the lab room for all who may be there at once. */
const POOLS = { 'range-global': '10.77.0.51-10.77.0.89,10.77.0.200-10.77.0.249' };
const TICK_MS = 10;
const ASK_MS = 25;
/** Every address of the LAN is asked for once in this time, whoever has it. */
const SWEEP_MS = 1000;
const GRACE_MS = 1000;
/** A moment that does not come does not hold up the churn. */
const MOMENT_MS = 1000;
const SETTLE_MS = 30_000;
const SLOWEST = 8;

/** @throws what the API server or the lab refuse; what the agents do wrong is in the report. */
export async function churn(lab: BenchLab, options: ChurnOptions): Promise<ChurnReport> {
  const lives = planChurn(chanceFrom(options.seed), options);
  await makePools(lab);
  const before = await remainsOf(lab.paths, lab.cluster, lab.nodes);
  const lan = watchLan(lab);
  const registry = await watchServices(lab.cluster);
  const subjects = new Map(lives.map((life) => [life.name, new Subject(life)]));
  const { graceMs = GRACE_MS, settleMs = SETTLE_MS } = options;
  const observer = observe(lab, lan, registry, subjects, graceMs);
  try {
    const start = performance.now();
    await Promise.all(lives.map((life) => live(lab, registry, must(subjects, life.name), start)));
    await allRight(subjects, settleMs);
    const all = [...subjects.values()];
    const samples = all.flatMap(({ took }) => took ?? []);
    const slowest = slowestOf(all);
    const inChurn = [
      ...all
        .filter(({ took }) => took === undefined)
        .map(({ life, wrong }) => `${life.name} never got right: ${wrong}`),
      ...(await differences(lab, registry, all)),
    ];
    // What is deleted now is not looked at any more, but the LAN is.
    for (const subject of all) subject.changing('gone');
    await deleteAll(lab, lives);
    const left = await leftAfter(lab, before, settleMs);
    return {
      samples,
      problems: [
        ...inChurn,
        ...lan.doubles.map((what) => `claimed twice: ${what}`),
        ...observer.ghosts,
        ...left.map((what) => `left behind: ${what}`),
      ],
      notes: [...slowest, ...all.flatMap(({ relapses }) => relapses.map((what) => `was right, and then: ${what}`))],
    };
  } finally {
    observer.stop();
    registry.close();
    lan.close();
  }
}

async function makePools({ cluster }: BenchLab): Promise<void> {
  const maps = cluster.resource('ConfigMap');
  const metadata = { namespace: 'kube-system', name: 'kubevip' };
  if (await maps.find(metadata)) await maps.patch(metadata, { data: POOLS }, { type: 'merge' });
  else await maps.create({ metadata, data: POOLS });
}

/** Asks the LAN, looks at every Service again and again, and notes answers for addresses that nobody has. */
function observe(
  { nodes }: BenchLab,
  lan: LanWatch,
  registry: Registry,
  subjects: ReadonlyMap<string, Subject>,
  graceMs: number,
): { readonly ghosts: readonly string[]; stop(): void } {
  const macs = new Map(nodes.map((node) => [node, nodeAddresses(node).mac]));
  const surroundings: Surroundings = {
    lan,
    isTaken: (address) => registry.isTaken(address),
    macOf: (node) => macs.get(node) ?? 'nobody',
  };
  const ghosts = new Map<Ip, string>();
  const everywhere = Array.from({ length: 199 }, (_, i) => ip(`10.77.0.${51 + i}`));
  const look = (name: string): void => subjects.get(name)?.look(registry.get(name), surroundings);
  registry.onChange(look);
  const tick = setInterval(() => {
    for (const [name, subject] of subjects) if (subject.took === undefined) look(name);
  }, TICK_MS);
  const ask = setInterval(() => {
    for (const subject of subjects.values()) {
      if (subject.changedAt !== undefined && subject.took === undefined)
        subject.addresses.forEach((one) => lan.ask(one));
    }
  }, ASK_MS);
  let next = 0;
  const sweep = setInterval(() => {
    const address = everywhere[next++ % everywhere.length] ?? ip('0.0.0.0');
    const at = lan.last(address)?.at ?? 0;
    const taken = registry.lastTaken(address);
    if (at > taken + graceMs) ghosts.set(address, `${address} answers ${(at - taken).toFixed(0)} ms after it was free`);
    lan.ask(address);
    // Those who were right before shall still be.
    if (next % everywhere.length === 0) for (const name of subjects.keys()) look(name);
  }, SWEEP_MS / everywhere.length);
  return {
    get ghosts() {
      return [...ghosts.values()];
    },
    stop: () => [tick, ask, sweep].forEach(clearInterval),
  };
}

async function live({ cluster }: BenchLab, registry: Registry, subject: Subject, start: number): Promise<void> {
  const services = cluster.resource('Service');
  const { life } = subject;
  const ref = { name: life.name, namespace: 'default' };
  const until = async (ms: number): Promise<void> => await delay(Math.max(0, start + ms - performance.now()));
  await until(life.born);
  subject.changing(life.first);
  await services.create(serviceFor(life.name, life.first));
  subject.changed();
  for (const { when, wish } of life.steps) {
    await (typeof when === 'number' ? until(when) : moment(registry, life, when));
    subject.changing(wish);
    await (wish === 'gone' ? services.delete(ref) : services.patch(ref, patchTo(wish), { type: 'merge' }));
    subject.changed();
  }
}

async function moment(registry: Registry, { name }: Life, when: Moment): Promise<void> {
  const hasCome = (): boolean => {
    const service = registry.get(name);
    return service !== undefined && isUnderWay(service, when);
  };
  const end = performance.now() + MOMENT_MS;
  while (!hasCome() && performance.now() < end) await delay(1);
}

function isUnderWay(service: Service, when: Moment): boolean {
  const conditions = service.status?.conditions ?? [];
  if (when === 'leasing') return service.metadata.finalizers?.includes(FINALIZER) === true;
  if (when === 'writing') return conditions.length > 0 || readAssigned(service) !== undefined;
  return conditions.some(({ type, status }) => type === CONDITION.router && status !== 'True');
}

async function allRight(subjects: ReadonlyMap<string, Subject>, settleMs: number): Promise<void> {
  const end = performance.now() + settleMs;
  while ([...subjects.values()].some(({ took }) => took === undefined) && performance.now() < end) await delay(TICK_MS);
}

/** What DHCP server, router and LAN hold against what the Services say. */
async function differences(lab: BenchLab, registry: Registry, subjects: readonly Subject[]): Promise<string[]> {
  const records = subjects.flatMap(({ life, wish }) => {
    const service = registry.get(life.name);
    const address = service && readAssigned(service)?.ips[0];
    return address === undefined || wish === 'gone' || !wish.exposed ? [] : [{ name: life.name, wish, address }];
  });
  const named = new Map(
    records.flatMap(({ wish, address }) => (wish.name === undefined ? [] : [[`${wish.name}.local`, address] as const])),
  );
  const everyName = subjects.flatMap(({ life: { name } }) => [`${name}.local`, `${name}b.local`, `${name}bb.local`]);
  const [mappings, answers] = await Promise.all([readMappings(lab.paths), resolveNames(lab, everyName)]);
  return [
    ...compare(
      'DHCP lease',
      readLeases(lab.paths).map((lease) => lease.ip),
      records.flatMap(({ wish, address }) => (wish.address === 'dhcp' ? address : [])),
    ),
    ...compare(
      'mapping',
      mappings.map(({ externalPort, internalIp, internalPort }) => `${externalPort} to ${internalIp}:${internalPort}`),
      records.flatMap(({ wish, address }) =>
        wish.router === undefined ? [] : `${wish.router} to ${address}:${wish.port}`,
      ),
    ),
    ...compare(
      'name',
      [...answers].map(([name, address]) => `${name} ${address}`),
      [...named].map(([name, address]) => `${name} ${address}`),
    ),
  ];
}

function compare(what: string, there: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...there.filter((one) => !wanted.includes(one)).map((one) => `${what} that no Service has: ${one}`),
    ...wanted.filter((one) => !there.includes(one)).map((one) => `${what} that is not there: ${one}`),
  ];
}

async function deleteAll({ cluster }: BenchLab, lives: readonly Life[]): Promise<void> {
  const services = cluster.resource('Service');
  const { items } = await services.list({ namespace: 'default' });
  const there = items.filter(({ metadata }) => lives.some(({ name }) => name === metadata.name));
  await Promise.all(there.map(({ metadata }) => services.delete({ name: metadata.name, namespace: 'default' })));
}

/** What was not there before, once that changes no more or all is well. */
async function leftAfter(
  { paths, cluster, nodes }: BenchLab,
  before: ReadonlySet<string>,
  settleMs: number,
): Promise<string[]> {
  const end = performance.now() + settleMs;
  for (;;) {
    const now = await remainsOf(paths, cluster, nodes);
    const left = [...now].filter((line) => !before.has(line));
    if (left.length === 0 || performance.now() > end) return left;
    await delay(250);
  }
}

function slowestOf(subjects: readonly Subject[]): string[] {
  return subjects
    .toSorted((a, b) => (b.took ?? Infinity) - (a.took ?? Infinity))
    .slice(0, SLOWEST)
    .map(({ life, took, story }) => `${life.name}: ${took?.toFixed(0) ?? 'never'} ms; ${story}; ${describe(life)}`);
}

function describe({ first, steps }: Life): string {
  return JSON.stringify([first, ...steps.map(({ when, wish }) => [when, wish])]);
}

function must<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`${String(key)} is unknown`);
  return value;
}

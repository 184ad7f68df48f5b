/**
 * One wish for router ports, carried out for each family of the Service's addresses and told as one: by IPv4 a mapping,
 * by IPv6 a pinhole for each port. What the Internet can use comes first.
 */
import { failed, off, pending, ready, type Decision, type NotReady, type Ready } from '../../model/decision.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { Service } from '../../model/kubernetes.ts';
import type { RouterRequest } from '../intent/port.ts';
import { pinholeText } from './explain-pinhole.ts';
import type { MappingRecord, MappingRequest, Reachability, RouterMapping, RouterMappings, WantedPort } from './port.ts';
import { reachabilityOf } from './reachability.ts';
import { mappingRequestFor } from './records.ts';

/** An address of the Service that stands on this node. */
export interface StandingAddress {
  readonly ip: Ip;
  /** Interface by name. */
  readonly link: string;
}

/** What became of the wish in one family. */
interface Told {
  readonly family: Family;
  readonly decision: Decision<RouterMapping>;
  readonly previous: readonly MappingRecord[];
}

/** Opens what is wanted, and closes what an earlier wish opened in a family that is not wanted any more. */
export function ensureFamilies(
  router: Pick<RouterMappings, 'ensure' | 'withdraw'>,
  service: Service,
  addresses: readonly StandingAddress[],
  wanted: RouterRequest,
): Decision<RouterMapping> {
  const told: Told[] = [];
  for (const { ip, link } of onePerFamily(addresses)) {
    const family = familyOf(ip);
    const unwanted = wanted.families?.includes(family) === false;
    const why = unwanted ? undefined : whyNoPinhole(ip);
    if (unwanted || why) router.withdraw(mappingRequestFor(service, ip, link, undefined));
    if (unwanted) continue;
    const ports = family === 6 ? pinholesFor(wanted.ports) : wanted.ports;
    const request = mappingRequestFor(service, ip, link, { ...wanted, ports });
    told.push({
      family,
      decision: why ?? explained(router.ensure(request), request, wanted),
      previous: request.previous,
    });
  }
  return merged(told);
}

/** Closes everything, from each address. `off` once nothing is left to do. */
export function withdrawFamilies(
  router: Pick<RouterMappings, 'withdraw'>,
  service: Service,
  addresses: readonly StandingAddress[],
): NotReady {
  const decisions = onePerFamily(addresses).map(({ ip, link }) =>
    router.withdraw(mappingRequestFor(service, ip, link, undefined)),
  );
  const open = decisions.find(({ state }) => state !== 'off');
  if (open) return pending(open.reason, open.message);
  // What could not be closed is what people have to know.
  const left = decisions.filter(({ reason }) => reason !== 'NotMapped');
  const [first] = left.sort((a, b) => Number(b.reason === 'MappingLeft') - Number(a.reason === 'MappingLeft'));
  return first
    ? off(first.reason, left.map(({ message }) => message).join('; '))
    : off('NotMapped', 'nothing is mapped');
}

function onePerFamily(addresses: readonly StandingAddress[]): StandingAddress[] {
  return ([4, 6] as const).flatMap((family) => addresses.find(({ ip }) => familyOf(ip) === family) ?? []);
}

/** A pinhole is for an address that the Internet routes to. */
function whyNoPinhole(ip: Ip): NotReady | undefined {
  if (familyOf(ip) === 4) return undefined;
  const unique = reachabilityOf(ip) === 'private';
  if (!unique && /^[23]/.test(ip)) return undefined;
  const kind = unique ? 'a unique local address (ULA)' : 'no global unicast address';
  return failed(
    'NotGlobal',
    `no pinhole leads to ${ip}, which is ${kind}: the Internet does not route to it; give the Service one from the prefix of your provider`,
  );
}

/** A pinhole changes no port, so that each port is opened once, under its own number. */
function pinholesFor(ports: readonly WantedPort[]): WantedPort[] {
  const own = ports.map((port) => ({ ...port, externalPort: port.internalPort }));
  return [...new Map(own.map((port) => [`${port.protocol} ${port.internalPort}`, port])).values()];
}

/** Says where a Service is found by IPv6 when another number was asked for. */
function explained(
  decision: Decision<RouterMapping>,
  { ip }: MappingRequest,
  wanted: RouterRequest,
): Decision<RouterMapping> {
  if (familyOf(ip) === 4 || decision.state !== 'ready') return decision;
  const moved = wanted.ports.filter(({ internalPort, externalPort }) => internalPort !== externalPort);
  if (moved.length === 0) return decision;
  const places = moved.map((port) => `${pinholeText(ip, port)} instead of ${port.externalPort}`).join(', ');
  return { ...decision, message: `${decision.message}; a pinhole changes no port number: use ${places}` };
}

function merged(told: readonly Told[]): Decision<RouterMapping> {
  const [first, second] = told;
  if (!first) return failed('NoIPv6', 'only IPv6 pinholes are asked for, and the Service has no IPv6 address');
  if (!second) return first.decision;
  const opened = told.flatMap(({ family, decision }) => (decision.state === 'ready' ? [{ family, decision }] : []));
  const waiting = told.find(({ decision }) => decision.state === 'pending');
  if (waiting) return pending(waiting.decision.reason, sentence(told));
  const best = opened.toSorted((a, b) => rank(b.decision) - rank(a.decision))[0];
  if (!best) return failed(first.decision.reason, sentence(told));
  const order = told.toSorted((a, b) => Number(b.family === best.family) - Number(a.family === best.family));
  return ready(
    {
      // What an earlier round opened stays on record until it is known to be closed.
      records: told.flatMap(({ decision, previous }) =>
        decision.state === 'ready' ? decision.value.records : previous,
      ),
      reachability: best.decision.value.reachability,
      families: Object.assign(
        {},
        ...opened.map(({ decision }) => decision.value.families),
      ) as RouterMapping['families'],
    },
    best.decision.reason,
    sentence(order),
  );
}

const RANK: readonly Reachability[] = ['reserved', 'private', 'cgnat', 'unknown', 'public'];

function rank({ value }: Ready<RouterMapping>): number {
  return RANK.indexOf(value.reachability);
}

function sentence(told: readonly Told[]): string {
  return told.map(({ family, decision }) => `IPv${family}: ${decision.message}`).join('; ');
}

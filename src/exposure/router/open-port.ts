/** Gets one port open: first the way it was done before, then by whatever the router offers, best first. */
import { familyOf, type Ip } from '../../model/ip.ts';
import type { MapAnswer, Mapped, MappingAsk, Refused, RouterClient, Unreachable } from './client.ts';
import type { Gateway } from './gateway.ts';
import type { MappingRecord } from './port.ts';

/** `none`: the router offers no method. */
export type Opened = MapAnswer | { readonly kind: 'none' };

/**
 * @param known how the port was opened before, by this or another node.
 * @param signals `search` ends the search for methods; a request under way is seen through, since what it made has to
 *   be known, unless `request` says that it is nobody's here any more: repeating it would disturb the next node.
 */
export async function openPort(
  gateway: Gateway,
  ask: MappingAsk,
  known: MappingRecord | undefined,
  signals: { readonly search: AbortSignal; readonly request: AbortSignal },
): Promise<Opened> {
  const { search: signal, request } = signals;
  let worst: Refused | Unreachable | undefined;
  for await (const client of candidates(gateway, ask.source, known, signal)) {
    const answer = await client.map(ask, request, signal);
    const seen = answer.kind === 'taken' ? await asUpnpSeesIt(gateway, answer, ask, signals) : answer;
    if (seen.kind === 'mapped') return { ...seen, record: await withAddress(gateway, seen.record, ask.source) };
    // Another method would ask the same table of the same router.
    if (seen.kind === 'taken') return seen;
    if (worst?.kind !== 'refused') worst = seen;
    // What UPnP said in the end, the methods before it will not say differently.
    if (answer.kind === 'taken') break;
  }
  if (worst?.kind === 'refused')
    return familyOf(ask.source) === 6 ? worst : withOuter(gateway, worst, ask.source, signal);
  if (worst) return worst;
  if (await gateway.unsearchable(ask.source))
    return { kind: 'unreachable', local: true, words: `nothing can be sent from ${ask.source} yet` };
  return { kind: 'none' };
}

async function* candidates(
  gateway: Gateway,
  source: Ip,
  known: MappingRecord | undefined,
  signal: AbortSignal,
): AsyncGenerator<RouterClient> {
  const before = known && gateway.clientFor(known);
  if (before && !signal.aborted) yield before;
  yield* gateway.clients(source, signal);
}

/**
 * PCP and NAT-PMP do not say who has a port, nor whether anybody has: a port that the router gives to nobody (below
 * 1024, often) looks the same. UPnP says, if the router speaks it too.
 */
async function asUpnpSeesIt(
  gateway: Gateway,
  taken: Extract<MapAnswer, { kind: 'taken' }>,
  ask: MappingAsk,
  { search, request }: { readonly search: AbortSignal; readonly request: AbortSignal },
): Promise<MapAnswer> {
  if (taken.holder) return taken;
  for await (const client of gateway.clients(ask.source, search)) {
    if (client.method !== 'igd1' && client.method !== 'igd2') continue;
    const answer = await client.map(ask, request, search);
    if (answer.kind !== 'unreachable') return answer;
  }
  return taken;
}

async function withAddress(gateway: Gateway, record: Mapped['record'], source: Ip): Promise<Mapped['record']> {
  if (record.externalIp !== undefined) return record;
  const client = gateway.clientFor(record);
  const externalIp = client && (await gateway.externalAddress(client, source));
  return externalIp === undefined ? record : { ...record, externalIp };
}

/** A router without a public address refuses with one code or another, none of which says so. */
async function withOuter(gateway: Gateway, refused: Refused, source: Ip, signal: AbortSignal): Promise<Refused> {
  for await (const client of gateway.clients(source, signal)) {
    // PCP tells the address only with a mapping.
    if (client.method === 'pcp') continue;
    const address = await gateway.externalAddress(client, source);
    const telling = address !== undefined || (await client.check(source)).kind === 'alive';
    if (telling) return { ...refused, outer: address ?? 'none' };
  }
  return refused;
}

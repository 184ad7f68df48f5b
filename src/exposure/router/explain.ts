/** What the stage found, in words for people. */
import { failed, off, ready, type Decision, type NotReady } from '../../model/decision.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { Holder, Refused, Unreachable } from './client.ts';
import { explainPinholes, pinholeText } from './explain-pinhole.ts';
import type { Opened } from './open-port.ts';
import type { MappingMethod, MappingRecord, Reachability, RouterMapping, WantedPort } from './port.ts';
import { reachabilityOf } from './reachability.ts';

const METHOD: Readonly<Record<MappingMethod, string>> = {
  pcp: 'PCP',
  'nat-pmp': 'NAT-PMP',
  igd2: 'UPnP IGD:2',
  igd1: 'UPnP IGD:1',
};

/** A port that could not be mapped. */
export interface Failure {
  readonly port: WantedPort;
  readonly answer: Exclude<Opened, { kind: 'mapped' }>;
}

/**
 * `failed`, for a wish that no router can fulfil: PCP and NAT-PMP know one external port for each internal one, and no
 * port can lead to two places.
 */
export function explainImpossible(ports: readonly WantedPort[]): NotReady | undefined {
  const twice = (of: (port: WantedPort) => number): WantedPort | undefined =>
    ports.find((port, i) => ports.findIndex((each) => each.protocol === port.protocol && of(each) === of(port)) !== i);
  const external = twice(({ externalPort }) => externalPort);
  if (external) {
    const text = portText(external, external.externalPort);
    return failed('InvalidPorts', `external port ${text} is asked for twice, and can lead to one port only`);
  }
  const internal = twice(({ internalPort }) => internalPort);
  if (!internal) return undefined;
  const text = portText(internal, internal.internalPort);
  return failed('InvalidPorts', `port ${text} is to be opened under two numbers, and routers know one for each`);
}

/** `ready`, with the truth about who can come through. */
export function explainMapped(records: readonly MappingRecord[]): Decision<RouterMapping> {
  const [first] = records;
  if (first && familyOf(first.internalIp) === 6) return explainPinholes(records);
  const externalIp = records.find((record) => record.externalIp !== undefined)?.externalIp;
  const reachability = reachabilityOf(externalIp);
  const mapping = { records, reachability, families: { 4: reachability } };
  const where = first ? `router ${first.gateway} (${METHOD[first.method]}): ` : '';
  const lines = records.map(
    (record) =>
      `${record.externalIp ?? '?'}:${portText(record, record.externalPort)} → ` +
      `${record.internalIp}:${portText(record, record.internalPort)}`,
  );
  const text = `${where}${lines.join(', ')}, `;
  const truth = outlook(externalIp);
  switch (reachability) {
    case 'private':
      return ready(mapping, 'DoubleNat', `${text}but ${truth}`);
    case 'cgnat':
      return ready(mapping, 'BehindCgnat', `${text}but ${truth}`);
    case 'reserved':
      return ready(mapping, 'NotPublic', `${text}but ${truth}`);
    case 'public':
    case 'unknown':
      return ready(mapping, 'RouterMapped', `${text}${truth}`);
  }
}

/** What the Internet can do with an outer address. */
function outlook(externalIp: Ip | undefined): string {
  const address = String(externalIp);
  const words: Readonly<Record<Reachability, string>> = {
    public: 'public address',
    unknown: 'the router does not tell its outer address, so whether the Internet can reach it is not known',
    private:
      `${address} is a private address: another router in front of this one keeps the Internet out ` +
      'until it forwards the port too (or this router is set to bridge mode)',
    cgnat:
      `${address} is shared by the provider (CGNAT): the Internet cannot reach it; ` +
      'ask the provider for an IPv4 address of your own, or use a tunnel',
    reserved: `${address} is a reserved address that the Internet does not route to`,
  };
  return words[reachabilityOf(externalIp)];
}

/** `failed`: the gravest failure gives the reason, and each port is named. */
export function explainFailures(gateway: Ip, failures: readonly Failure[], open: readonly MappingRecord[]): NotReady {
  const texts = [...new Set(failures.map((failure) => failureText(gateway, failure)))].join('; ');
  const others = open.map((each) => portText(each, each.externalPort)).join(', ');
  const text = `${texts}${others === '' ? '' : `; open meanwhile: ${others}`}`;
  const kinds = failures.map(({ answer }) => answer.kind);
  if (kinds.includes('taken')) return failed('ExternalPortTaken', `${text}; choose another external port`);
  if (kinds.includes('refused')) return explainRefusal(text, failures);
  if (kinds.includes('unreachable')) return failed('RouterUnreachable', `${text}; tried again by itself`);
  return failed('NoPortMappingService', text);
}

/** An outer address that is none of the Internet's explains a refusal better than the router does. */
function explainRefusal(text: string, failures: readonly Failure[]): NotReady {
  const outer = failures.flatMap(({ answer }) => (answer.kind === 'refused' ? (answer.outer ?? []) : [])).at(0);
  if (outer === 'none') {
    const guess =
      'it tells no outer address either, so it probably has no public one: it is behind another router (double NAT) ' +
      'or behind the provider’s (CGNAT), and then opens no ports';
    return failed('MappingRefused', `${text}; ${guess}`);
  }
  switch (reachabilityOf(outer)) {
    case 'private':
      return failed('DoubleNat', `${text}; its outer address ${outlook(outer)}`);
    case 'cgnat':
      return failed('BehindCgnat', `${text}; its outer address ${outlook(outer)}`);
    case 'reserved':
      return failed('NotPublic', `${text}; its outer address ${outlook(outer)}`);
    case 'public':
    case 'unknown':
      return failed('MappingRefused', text);
  }
}

function failureText(gateway: Ip, { port, answer }: Failure): string {
  const external = portText(port, port.externalPort);
  switch (answer.kind) {
    case 'taken':
      return `port ${external} of router ${gateway} is taken${byWhom(port, answer.holder)}`;
    case 'refused':
      return `router ${gateway} refuses port ${external}: ${answer.words} (${answer.code})`;
    case 'unreachable':
      return `router ${gateway}: ${answer.words}`;
    case 'none':
      if (familyOf(gateway) === 6)
        return (
          `router ${gateway} lets nobody open its IPv6 firewall, neither by PCP nor by UPnP IGD:2: switch one of them ` +
          'on in its settings, or allow the address and port there by hand'
        );
      return (
        `router ${gateway} answers neither PCP, NAT-PMP nor UPnP: switch one of them on in its settings ` +
        '(often called UPnP, or “allow devices to open ports”), or forward the port there by hand'
      );
  }
}

function byWhom({ externalPort }: WantedPort, holder: Holder | undefined): string {
  if (holder?.ip === undefined)
    return externalPort < 1024 ? ', or kept by the router (many give out no ports below 1024)' : '';
  const port = holder.port === undefined ? '' : `:${holder.port}`;
  const description = holder.description === undefined || holder.description === '' ? '' : ` (“${holder.description}”)`;
  return ` by ${holder.ip}${port}${description}`;
}

/** `off`, once everything that could be removed is removed. */
export function explainUnmapped(
  gone: readonly MappingRecord[],
  left: readonly { readonly record: MappingRecord; readonly why: Refused | Unreachable }[],
): NotReady {
  if (left.length === 0) {
    const [first] = gone;
    if (!first) return off('NotMapped', 'nothing is mapped');
    const ports = gone.map(placeText).join(', ');
    return off('RouterUnmapped', `router ${first.gateway}: closed ${ports}`);
  }
  const texts = left.map(
    ({ record, why }) =>
      `router ${record.gateway}: ${isPinhole(record) ? 'the pinhole to ' : ''}${placeText(record)}` +
      `${isPinhole(record) ? '' : ` → ${record.internalIp}`} could not be removed ` +
      `(${why.words}); ${untilWhen((why.kind === 'refused' ? why.expiresIn : undefined) ?? record.lifetime)}`,
  );
  return off('MappingLeft', texts.join('; '));
}

function placeText(record: MappingRecord): string {
  return isPinhole(record) ? pinholeText(record.internalIp, record) : portText(record, record.externalPort);
}

function isPinhole({ internalIp }: MappingRecord): boolean {
  return familyOf(internalIp) === 6;
}

function untilWhen(lifetime: Milliseconds | undefined): string {
  if (lifetime === 0) return 'it stays until it is removed in the router’s settings';
  if (lifetime === undefined) return 'it runs out by itself unless it was made without end';
  return `it runs out by itself within ${durationText(lifetime)}`;
}

function durationText(duration: Milliseconds): string {
  const minutes = Math.ceil(duration / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.ceil(minutes / 60)} h` : `${Math.ceil(minutes / 1440)} days`;
}

/** TCP is what one expects; only UDP is said. */
export function portText({ protocol }: Pick<WantedPort, 'protocol'>, port: number): string {
  return protocol === 'UDP' ? `${port}/UDP` : String(port);
}

/** What the annotations of a Service ask for. */
import { KEY } from '../../model/annotations.ts';
import { apart, parseCidr, prefixOf, type Cidr } from '../../model/cidr.ts';
import { familyOf, parseIp, type Family } from '../../model/ip.ts';
import type { Service } from '../../model/kubernetes.ts';
import { annotation } from '../intent/annotation.ts';
import type { EgressLimits } from './port.ts';

export interface EgressWish {
  readonly ports: EgressLimits['ports'];
  /** Undefined: everywhere. */
  readonly allowed: readonly Cidr[] | undefined;
  readonly denied: readonly Cidr[];
  /** API servers see the pods as they would anyway. */
  readonly sparesApiServers: boolean;
  readonly cuts: boolean;
}

export type EgressReading =
  | { readonly state: 'off' }
  /** One line that says what is wrong with which annotation. Nothing is done then: half of a list is not what was asked for. */
  | { readonly state: 'invalid'; readonly message: string }
  | { readonly state: 'wanted'; readonly wish: EgressWish };

/** Total: never throws, whatever the annotations are. */
export function readEgress(service: Service): EgressReading {
  if (annotation(service, KEY.egress) !== 'true' && annotation(service, KEY.egressOurs) !== 'true')
    return { state: 'off' };
  const bad: string[] = [];
  const list = <T>(key: string, what: string, parse: (part: string) => T | undefined): readonly T[] | undefined =>
    annotation(service, key)
      ?.split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .flatMap((part) => {
        const value = parse(part);
        if (value === undefined) bad.push(`${key}: ${JSON.stringify(part)} is not ${what}`);
        return value ?? [];
      });
  const ports = list(KEY.egressDestinationPorts, 'a port, as tcp:443 or udp:53', parsePort) ?? [];
  const allowed = list(KEY.egressAllowedNetworks, 'a network, as 10.0.0.0/8', parseNetwork);
  const denied = list(KEY.egressDeniedNetworks, 'a network, as 10.0.0.0/8', parseNetwork) ?? [];
  if (bad.length > 0) return { state: 'invalid', message: bad.join('; ') };
  const sparesApiServers = isAsked(annotation(service, KEY.egressDetectApiServer));
  const cuts = annotation(service, KEY.flushConntrack) === 'true';
  return { state: 'wanted', wish: { ports, allowed, denied, sparesApiServers, cuts } };
}

/** What they come to in one family. Undefined: nothing is meant there. */
export function limitsOf({ ports, allowed, denied }: EgressWish, family: Family): EgressLimits | undefined {
  const own = (networks: readonly Cidr[]): readonly Cidr[] => apart(networks.filter((one) => one.family === family));
  if (allowed !== undefined && own(allowed).length === 0) return undefined;
  return { ports, allowed: own(allowed ?? []).map(prefixOf), denied: own(denied).map(prefixOf) };
}

/** kube-vip takes anything for a yes. */
function isAsked(value: string | undefined): boolean {
  return value !== undefined && value !== 'false';
}

/** `tcp:443`; without a protocol it is TCP. */
function parsePort(text: string): EgressLimits['ports'][number] | undefined {
  const match = /^(?:(tcp|udp|sctp):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65_535) return undefined;
  return { protocol: (match[1] ?? 'tcp').toLowerCase() as 'tcp' | 'udp' | 'sctp', port };
}

/** A single address is a network too. */
export function parseNetwork(text: string): Cidr | undefined {
  const ip = parseIp(text);
  return parseCidr(ip === undefined ? text : `${ip}/${familyOf(ip) === 4 ? 32 : 128}`);
}

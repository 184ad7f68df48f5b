/** What a Service of the churn asks for, how that is said to the API server, and whether it has come true. */
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { readRecords } from '../../../src/exposure/router/records.ts';
import { CONDITION, FINALIZER, KEY } from '../../../src/model/annotations.ts';
import type { Service } from '../../../src/model/kubernetes.ts';

export interface Wish {
  /** Whether it is of type LoadBalancer; otherwise nothing of ours may be on it. */
  readonly exposed: boolean;
  readonly address: 'pool' | 'dhcp' | { readonly shared: string };
  readonly port: number;
  /** Port wanted on the router. */
  readonly router?: number;
  /** Label of the name wanted on the LAN. */
  readonly name?: string;
}

export function serviceFor(name: string, wish: Wish): Service {
  return {
    metadata: { name, namespace: 'default', annotations: defined(annotationsFor(wish)) },
    spec: specFor(wish),
  };
}

/** Merge patch that turns any earlier wish into this one. */
export function patchTo(wish: Wish): object {
  return { metadata: { annotations: annotationsFor(wish) }, spec: specFor(wish) };
}

/** Why `service` is not what `wish` asks for; undefined when it is. */
export function whatIsWrong(service: Service, wish: Wish): string | undefined {
  return wish.exposed ? whatIsMissing(service, wish) : whatIsLeft(service);
}

function whatIsLeft(service: Service): string | undefined {
  const { annotations = {}, finalizers = [] } = service.metadata;
  if (readAssigned(service)) return 'still has an address on record';
  if ((service.status?.loadBalancer?.ingress ?? []).length > 0) return 'status still shows an address';
  if (service.status?.conditions?.some(({ type }) => type.startsWith('kubevip.dev/'))) return 'conditions are left';
  if (finalizers.includes(FINALIZER)) return 'the finalizer is left';
  const left = [KEY.vipHost, KEY.routerMappings, KEY.publishedNames].filter((key) => key in annotations);
  return left.length > 0 ? `annotations are left: ${left.join(', ')}` : undefined;
}

function whatIsMissing(service: Service, wish: Wish): string | undefined {
  const assigned = readAssigned(service);
  const ready = service.status?.conditions?.find(({ type }) => type === CONDITION.ready);
  const said = ready ? `${ready.reason}: ${ready.message}` : 'no conditions';
  if (!assigned) return `no address (${said})`;
  const source = typeof wish.address === 'object' ? 'explicit' : wish.address;
  if (assigned.source !== source) return `the address is of source ${assigned.source} and not ${source}`;
  const [ip] = assigned.ips;
  if (typeof wish.address === 'object' && ip !== wish.address.shared) return `has ${ip} and not ${wish.address.shared}`;
  const shown = (service.status?.loadBalancer?.ingress ?? []).map((ingress) => ingress.ip);
  if (shown.join() !== assigned.ips.join()) return `status shows ${shown.join() || 'no address'} and not ${ip}`;
  const mapped = readRecords(service).map(
    ({ internalIp, internalPort, externalPort }) => `${externalPort} to ${internalIp}:${internalPort}`,
  );
  const wanted = wish.router === undefined ? [] : [`${wish.router} to ${ip}:${wish.port}`];
  if (mapped.join() !== wanted.join())
    return `mapped: ${mapped.join() || 'nothing'}, not ${wanted.join() || 'nothing'} (${said})`;
  const names = service.metadata.annotations?.[KEY.publishedNames] ?? '';
  const name = wish.name === undefined ? '' : `${wish.name}.local`;
  if (names !== name) return `published: ${names || 'nothing'}, not ${name || 'nothing'} (${said})`;
  if (ready?.status !== 'True') return `not ready (${said})`;
  if (ready.observedGeneration !== service.metadata.generation) return 'conditions are of an earlier generation';
  return undefined;
}

function annotationsFor({ address, router, name }: Wish): Record<string, string | null> {
  return {
    [KEY.dhcp]: address === 'dhcp' ? 'true' : null,
    // What a pool gave stands here too, and is not ours to take away.
    ...(typeof address === 'object' ? { [KEY.loadBalancerIPs]: address.shared } : {}),
    [KEY.router]: router === undefined ? null : `${router}`,
    [KEY.mdns]: name ?? null,
  };
}

function specFor({ exposed, port }: Wish): Service['spec'] {
  return {
    type: exposed ? 'LoadBalancer' : 'ClusterIP',
    selector: { app: 'churn' },
    ports: [{ name: 'http', port }],
  };
}

function defined(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** What the agent that gives out addresses does for routers: removes mappings of Services that nobody remembers. */
import { addressesInUse } from '../exposure/address/in-use.ts';
import type { Swept } from '../exposure/router/sweep.ts';
import { messageOf } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import { pause, type Milliseconds } from '../model/time.ts';
import type { Link } from '../model/wire.ts';
import type { Parts } from './parts.ts';

/** Until a borrowed address stands; it is not waited for longer. */
const WITHIN: Milliseconds = 2000;
const STEP: Milliseconds = 50;

/**
 * Clears the router of every link. The cluster is known by the UID of Service `default/kubernetes`; without it nothing is
 * touched. Never rejects: what it could not do is logged, and runs out by itself.
 */
export async function sweepRouters(parts: Parts): Promise<void> {
  const { config, watchers } = parts;
  const cluster = clusterOf(watchers.services);
  // Whoever sees one namespace only does not know which Services are gone.
  if (cluster === undefined || config.watchNamespace !== undefined || !config.routerEnabled) return;
  for (const link of parts.network.links()) {
    try {
      tell(parts, await sweepLink(parts, link, cluster));
    } catch (error) {
      parts.log.warn({ link: link.name, message: messageOf(error) }, 'forgotten mappings could not be looked for');
    }
  }
}

/** UID of the cluster, as far as it is known. */
export function clusterOf({ store }: Pick<Parts['watchers']['services'], 'store'>): string | undefined {
  return store.get('default/kubernetes')?.metadata.uid;
}

async function sweepLink(parts: Parts, link: Link, cluster: string): Promise<Swept> {
  const services = parts.watchers.services.store;
  const gateway = link.gateway.v4;
  const source = link.addresses.find(({ ip }) => familyOf(ip) === 4)?.ip;
  if (gateway === undefined || source === undefined) return { removed: [], left: [] };
  const inUse = (ip: Ip): boolean => addressesInUse(services.list()).has(ip);
  return parts.stages.router.sweep({
    link: link.name,
    gateway,
    source,
    cluster,
    services: () => services.list().flatMap(({ metadata }) => metadata.uid ?? []),
    inUse,
    borrow: (ip) => borrow(parts, ip, link.name, inUse),
  });
}

/** Owned like the address of a Service, so that no other node can have it meanwhile. */
async function borrow(
  { stages, config, clock, network }: Parts,
  ip: Ip,
  link: string,
  inUse: (ip: Ip) => boolean,
): Promise<(() => void) | undefined> {
  if (familyOf(ip) !== 4 || (await stages.prober.probe(ip, link)) !== undefined) return undefined;
  const giveBack = (): void => {
    // A Service may have been given it meanwhile: then it is that one's to let go of.
    if (inUse(ip)) return;
    stages.announcement.release(ip);
    stages.ownership.release(ip);
  };
  for (let waited = 0; waited < WITHIN && !inUse(ip); waited += STEP) {
    const owner = stages.ownership.ensure(ip, [config.node]);
    const mine = owner.state === 'ready' && owner.value.mine;
    // Announced is sooner than the kernel lets anybody send from it.
    const announced = mine && stages.announcement.ensure({ ip, link }).state === 'ready';
    if (announced && network.links().some(({ addresses }) => addresses.some((one) => one.ip === ip))) return giveBack;
    await pause(clock, STEP);
  }
  giveBack();
  return undefined;
}

function tell({ log }: Parts, { removed, left }: Swept): void {
  for (const { externalPort, internalIp, gateway } of removed)
    log.info({ gateway, externalPort, internalIp }, 'removed a mapping of a Service that is gone');
  for (const { externalPort, internalIp, gateway } of left)
    log.warn({ gateway, externalPort, internalIp }, 'a mapping of a Service that is gone stays until it runs out');
}

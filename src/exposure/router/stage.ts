/** Which router ports a Service is to have, as it stands, and what becomes of them. */
import { FINALIZER } from '../../model/annotations.ts';
import { off, pending, type Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { PoolConfig } from '../address/pools.ts';
import type { Owner } from '../ownership/port.ts';
import { isMine } from '../ownership/is-mine.ts';
import { NOT_OWNER, type Standing } from '../standing.ts';
import { ensureFamilies, withdrawFamilies, type StandingAddress } from './families.ts';
import type { RouterMapping, RouterMappings } from './port.ts';
import { whyNoRouter } from './permission.ts';
import { mayBeMapped } from './records.ts';

export interface RouterStageParts {
  readonly router: RouterMappings;
  /** `enable_upnp`: whether router ports may be opened at all. */
  readonly routerEnabled: boolean;
  readonly pools: () => Pick<PoolConfig, 'allowsRouter'>;
}

/** `closed`: nothing is open on the router, whatever the record says. */
export type RouterDecision = Decision<RouterMapping> & { readonly closed?: true };

export class RouterStage {
  readonly #parts: RouterStageParts;

  constructor(parts: RouterStageParts) {
    this.#parts = parts;
  }

  settle({ service, intent, assigned, owner, announced, ownerOf }: Standing): RouterDecision {
    const { router } = this.#parts;
    if (!isMine(owner)) {
      router.yield(intent.service);
      return intent.router ? NOT_OWNER : off('NotAskedFor', 'no router port is asked for');
    }
    const refusal = whyNoRouter(intent, this.#parts.routerEnabled, this.#parts.pools());
    if (announced.state !== 'ready' || !assigned)
      return refusal ?? pending('WaitingForAnnouncement', announced.message);
    const addresses = onThisNode(assigned.ips, announced.value.link, ownerOf);
    const wanted = refusal || !intent.router || 'state' in intent.router ? undefined : intent.router;
    if (!wanted) {
      if (mayBeMapped(service)) {
        const withdrawn = withdrawFamilies(router, service, addresses);
        if (withdrawn.state !== 'off') return withdrawn;
      } else router.yield(intent.service);
      return { ...(refusal ?? off('NotAskedFor', 'no router port is asked for')), closed: true };
    }
    if (!service.metadata.finalizers?.includes(FINALIZER))
      return pending('AddingFinalizer', 'making sure that the mapping will be removed with the Service');
    return ensureFamilies(router, service, addresses, wanted);
  }
}

/** Those of a Service's addresses that are on this node. */
function onThisNode(ips: readonly Ip[], link: string, ownerOf: (ip: Ip) => Decision<Owner>): StandingAddress[] {
  return ips.filter((ip) => isMine(ownerOf(ip))).map((ip) => ({ ip, link }));
}

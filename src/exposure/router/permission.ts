/** Whether a Service may open router ports at all: its own wish, the agent's switch, and the ConfigMap of the pools. */
import { failed, type NotReady } from '../../model/decision.ts';
import { namespaceOf } from '../../model/kubernetes.ts';
import type { PoolConfig } from '../address/pools.ts';
import type { Intent } from '../intent/port.ts';

/** Undefined where nothing speaks against it, or nothing is asked for. @param enabled `enable_upnp` */
export function whyNoRouter(
  { router, service }: Pick<Intent, 'router' | 'service'>,
  enabled: boolean,
  pools: Pick<PoolConfig, 'allowsRouter'>,
): NotReady | undefined {
  if (!router) return undefined;
  if ('state' in router) return router;
  if (!enabled)
    return failed('RouterDisabled', 'router ports are switched off for this agent (enable_upnp=false, or no vip_arp)');
  const namespace = namespaceOf(service);
  if (pools.allowsRouter(namespace)) return undefined;
  return failed(
    'RouterForbidden',
    `ConfigMap kubevip forbids router ports to namespace ${namespace} (router-${namespace}, router-global)`,
  );
}

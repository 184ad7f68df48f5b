/** The VIP of several sources, one for each family: what there is of them. Who has one address need not wait for the other. */
import { ready, type Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { VipAddresses } from './vip-addresses.ts';

export function joinVips(parts: readonly [VipAddresses, ...VipAddresses[]]): VipAddresses {
  return {
    get current(): Decision<readonly Ip[]> {
      const all = parts.map(({ current }) => current);
      const addresses = all.flatMap((one) => (one.state === 'ready' ? one.value : []));
      const reason = all.find(({ state }) => state === 'ready')?.reason;
      return reason === undefined
        ? parts[0].current
        : ready(addresses, reason, all.map(({ message }) => message).join('; '));
    },
    get former() {
      return parts.flatMap(({ former }) => former);
    },
    start() {
      for (const part of parts) part.start();
    },
    stop() {
      for (const part of parts) part.stop();
    },
    told(addresses) {
      for (const part of parts) part.told?.(addresses);
    },
  };
}

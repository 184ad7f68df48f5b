/** Makes the speaker of this node, with its sockets. One for all parts of the agent: a router takes one session a node. */
import { BgpHub } from '../../exposure/bgp/hub.ts';
import { createSpeaker, type SpeakerNews } from '../../exposure/bgp/speaker.ts';
import { createAddressTable } from '../../linux/address-table.ts';
import { createBfdTransport } from '../../linux/bfd-transport.ts';
import { createSystemClock } from '../../linux/clock.ts';
import { systemEntropy } from '../../linux/entropy.ts';
import type { Instance } from '../../linux/mark.ts';
import { createNetwork } from '../../linux/network.ts';
import { createPeerTransport } from '../../linux/peer-transport.ts';
import type { Clock } from '../../model/time.ts';
import type { Network } from '../../model/wire.ts';
import type { AgentConfig } from '../config.ts';
import type { BgpConfig } from './config.ts';

export interface BgpNode {
  readonly clock: Clock;
  readonly network: Network;
  readonly hub: BgpHub;
  /** An earlier run has left addresses here, so routers may have kept its routes. */
  readonly restarted: boolean;
  /** Called with all that happens to sessions; one at a time. */
  readonly onNews: (callback: (news: SpeakerNews) => void) => void;
}

/** @throws OsError when sockets cannot be had */
export function wireBgp({ netns, ...config }: AgentConfig, bgp: BgpConfig): BgpNode {
  const where = netns === undefined ? {} : { netns };
  const clock = createSystemClock();
  const parts: Instance[] = [
    ...(config.controlPlane ? (['control-plane'] as const) : []),
    ...(config.servicesEnabled ? (['services'] as const) : []),
  ];
  let told: (news: SpeakerNews) => void = () => undefined;
  const speaker = createSpeaker({
    clock,
    entropy: systemEntropy,
    transport: createPeerTransport(where),
    bfd: createBfdTransport(systemEntropy, where),
    ...(bgp.listenPort === undefined ? {} : { listen: { port: bgp.listenPort } }),
    onNews: (news) => told(news),
  });
  return {
    clock,
    network: createNetwork(where),
    hub: new BgpHub({ clock, speaker, parts, gracefulRestart: bgp.defaults.restartTime > 0 }),
    restarted: parts.some((instance) => hasLeftOvers(instance, where)),
    onNews: (callback) => (told = callback),
  };
}

function hasLeftOvers(instance: Instance, where: { readonly netns?: string }): boolean {
  const table = createAddressTable({ instance, ...where });
  try {
    return table.owned().length > 0;
  } finally {
    table.close();
  }
}

/**
 * Finds the router at the other end of a link by its Router Advertisements, for peers that are named by interface, and
 * advertises this node there: a router that names its peer in the same way waits to be told who that is.
 */
import { familyOf, isLinkLocal, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { FrameSocket, Network } from '../../model/wire.ts';
import { IPV6_ETHER_TYPE } from '../../protocols/ndp/packet.ts';
import { routerAdvertisement, routerIn, routerSolicitation, ROUTER_TYPE } from '../../protocols/ndp/router.ts';

/** Routers answer a solicitation within half a second, and need not answer more often than each three (RFC 4861 §6.2.6). */
const ASK_AGAIN: Milliseconds = 3000;
/** As routers do for such peers: one that has begun anew waits no longer. */
const ADVERTISE_AGAIN: Milliseconds = 10_000;

export interface RouterEars {
  /** Listens on these interfaces by name, and on no others. */
  listenOn(links: readonly string[]): void;
  /** The one that was heard first, as long as it is in use; then the one that is heard next. */
  routerOn(link: string): Ip | undefined;
  close(): void;
}

interface Ear {
  readonly index: number;
  readonly socket: FrameSocket;
  router: Ip | undefined;
  timer: Timer | undefined;
}

export function createRouterEars(options: {
  readonly network: Pick<Network, 'links' | 'openFrames'>;
  readonly clock: Clock;
  readonly onChange: () => void;
  /** Whether we speak with that router: it is not left for another one that is heard on the link. Default: never. */
  readonly isInUse?: (router: Ip, link: string) => boolean;
}): RouterEars {
  const { network, clock, onChange, isInUse = () => false } = options;
  const ears = new Map<string, Ear>();

  const speak = (name: string, ear: Ear): void => {
    const link = network.links().find((one) => one.name === name);
    const own = link?.addresses.find(({ ip }) => familyOf(ip) === 6 && isLinkLocal(ip))?.ip;
    if (link && own !== undefined) {
      ear.socket.send(routerAdvertisement(link.mac, own));
      if (ear.router === undefined) ear.socket.send(routerSolicitation(link.mac, own));
    }
    const pause = ear.router === undefined || own === undefined ? ASK_AGAIN : ADVERTISE_AGAIN;
    ear.timer = clock.after(pause, () => speak(name, ear));
  };

  const open = (name: string): void => {
    const link = network.links().find((one) => one.name === name);
    if (link === undefined) return;
    const socket = network.openFrames(
      { link, etherType: IPV6_ETHER_TYPE, icmpTypes: [ROUTER_TYPE.advertisement], promiscuous: false },
      (frame) => {
        const router = routerIn(frame);
        if (router === undefined || router === ear.router) return;
        if (ear.router !== undefined && isInUse(ear.router, name)) return;
        ear.router = router;
        onChange();
      },
    );
    const ear: Ear = { index: link.index, socket, router: undefined, timer: undefined };
    ears.set(name, ear);
    speak(name, ear);
  };

  const close = (name: string, ear: Ear): void => {
    ear.timer?.cancel();
    ear.socket.close();
    ears.delete(name);
  };

  return {
    listenOn(links) {
      for (const [name, ear] of [...ears]) {
        const here = network.links().find((one) => one.name === name);
        if (!links.includes(name) || here?.index !== ear.index) close(name, ear);
      }
      for (const name of links) if (!ears.has(name)) open(name);
    },
    routerOn: (link) => ears.get(link)?.router,
    close() {
      for (const [name, ear] of [...ears]) close(name, ear);
    },
  };
}

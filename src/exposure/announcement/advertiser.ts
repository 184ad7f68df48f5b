/** Speaks for the addresses of one family on one link, in place of the kernel. */
import type { Family, Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Link, Network } from '../../model/wire.ts';
import type { Dialect } from '../../protocols/acd/dialect.ts';
import { readFrame } from '../../protocols/acd/read-frame.ts';

export interface Advertiser {
  readonly family: Family;
  /** The link as it was when this was made: another MAC or index needs another advertiser. */
  readonly link: Link;
  /** Tells everyone that the address is here. @param briefly in one form only, which most hosts learn from */
  announce(ip: Ip, briefly?: boolean): void;
  /** Asks who has the address without claiming it. Answers come as claims. */
  ask(ip: Ip): void;
  close(): void;
}

export interface AdvertiserOptions {
  readonly network: Network;
  readonly link: Link;
  /** Whether a question for this address is to be answered here and now. */
  readonly answers: (ip: Ip) => boolean;
  /** Everyone was told of the address. */
  readonly onAnnounced?: ((ip: Ip) => void) | undefined;
  /** Some machine, perhaps this one by another link, says that it has an address. */
  readonly onClaim: (ip: Ip, mac: Mac) => void;
}

/** @throws OsError when the link is gone or packets may not be opened. */
export function createAdvertiser<Frame>(
  family: Family,
  dialect: Dialect<Frame>,
  { network, link, answers, onAnnounced, onClaim }: AdvertiserOptions,
): Advertiser {
  const onFrame = (data: Uint8Array): void => {
    const frame = readFrame(dialect, data);
    if (frame === undefined || dialect.isEcho(frame, link.mac)) return;
    const answer = dialect.answer(link.mac, frame);
    if (answer && answers(answer.ip)) socket.send(dialect.encode(answer.frame));
    const claim = dialect.claim(frame);
    if (claim) onClaim(claim.ip, claim.mac);
  };
  const socket = network.openFrames({ link, ...dialect.hears }, onFrame);
  return {
    family,
    link,
    announce: (ip, briefly = false) => {
      const [first, ...others] = dialect.announcement(link.mac, ip);
      for (const frame of briefly ? [first] : [first, ...others]) socket.send(dialect.encode(frame));
      onAnnounced?.(ip);
    },
    ask: (ip) => socket.send(dialect.encode(dialect.probe(link.mac, ip))),
    close: () => socket.close(),
  };
}

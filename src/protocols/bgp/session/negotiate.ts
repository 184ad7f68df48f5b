/** The two OPENs of a session: ours, and what the peer's makes of it. */
import type { Family, Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import { as2Of } from '../as-number.ts';
import { u16 } from '../bytes.ts';
import { afiOf, unicastFamily, type Capability, type GracefulRestart } from '../capabilities.ts';
import { AFI, ERROR, OPEN_ERROR, SAFI_UNICAST } from '../codes.ts';
import { BgpDecodeError } from '../error.ts';
import { asnOf, type Open } from '../open.ts';
import type { PeerConfig } from './config.ts';

/** What both sides agreed on. */
export interface Negotiated {
  readonly peerAs: number;
  readonly peerIdentifier: Ip;
  /** iBGP. */
  readonly internal: boolean;
  /** Both know long AS numbers. */
  readonly as4: boolean;
  /** 0: no hold timer and no keepalives. */
  readonly holdTime: Milliseconds;
  readonly keepalive: Milliseconds;
  readonly families: ReadonlySet<Family>;
  /** IPv4 routes may have IPv6 next hops. */
  readonly extendedNextHop: boolean;
  /** What the peer says of its own restarts; absent: it does not know of such. */
  readonly gracefulRestart?: GracefulRestart;
  /** Our address of the connection. */
  readonly localIp: Ip;
}

/** @param restarted whether to say that a restart is under way. */
export function ourOpen(config: PeerConfig, restarted: boolean): Open {
  const { localAs, families, gracefulRestart } = config;
  const capabilities: Capability[] = families.map((family) => ({
    kind: 'multiprotocol',
    afi: afiOf(family),
    safi: SAFI_UNICAST,
  }));
  capabilities.push({ kind: 'route-refresh' }, { kind: 'four-octet-as', asn: localAs });
  if (families.includes(4)) {
    const route = { afi: AFI.ipv4, safi: SAFI_UNICAST, nextHopAfi: AFI.ipv6 };
    capabilities.push({ kind: 'extended-next-hop', routes: [route] });
  }
  if (gracefulRestart !== undefined) {
    capabilities.push({
      kind: 'graceful-restart',
      restarted,
      notification: false,
      seconds: gracefulRestart.seconds,
      // The kernel forwards to our addresses whether the speaker runs or not.
      families: families.map((family) => ({ afi: afiOf(family), safi: SAFI_UNICAST, forwarding: true })),
    });
  }
  const { holdTime, identifier } = config;
  return { kind: 'open', as2: as2Of(localAs), holdTime, identifier, capabilities };
}

/** @throws BgpDecodeError as RFC 4271 §6.2 says, for a peer that is not the one expected. */
export function negotiate(config: PeerConfig, open: Open, localIp: Ip): Negotiated {
  const peerAs = asnOf(open);
  if (peerAs !== config.peerAs) {
    throw refused(OPEN_ERROR.badPeerAs, `the peer is in AS ${peerAs}, not ${config.peerAs}`, u16(open.as2));
  }
  const internal = peerAs === config.localAs;
  if (internal && open.identifier === config.identifier) {
    throw refused(OPEN_ERROR.badIdentifier, `the peer has our own BGP identifier ${open.identifier}`);
  }
  const find = <Kind extends Capability['kind']>(kind: Kind): Extract<Capability, { kind: Kind }>[] =>
    open.capabilities.filter((each): each is Extract<Capability, { kind: Kind }> => each.kind === kind);

  const multiprotocol = find('multiprotocol');
  const theirs = new Set(multiprotocol.map(({ afi, safi }) => unicastFamily(afi, safi)));
  // A speaker without a word about families speaks of IPv4 (RFC 4760 §8).
  if (multiprotocol.length === 0) theirs.add(4);
  const families = new Set(config.families.filter((family) => theirs.has(family)));
  const extended = find('extended-next-hop').flatMap(({ routes }) => routes);
  const [gracefulRestart] = find('graceful-restart').slice(-1);
  const holdTime = 1000 * Math.min(config.holdTime, open.holdTime);
  return {
    peerAs,
    peerIdentifier: open.identifier,
    internal,
    as4: find('four-octet-as').length > 0,
    holdTime,
    keepalive: Math.min(config.keepalive ?? Infinity, holdTime / 3),
    families,
    extendedNextHop:
      families.has(4) &&
      extended.some(({ afi, safi, nextHopAfi }) => unicastFamily(afi, safi) === 4 && nextHopAfi === AFI.ipv6),
    ...(gracefulRestart && { gracefulRestart }),
    localIp,
  };
}

function refused(subcode: number, message: string, data?: Uint8Array): BgpDecodeError {
  return new BgpDecodeError(ERROR.open, subcode, message, data);
}

/** Two connections to one peer: which one goes (RFC 4271 §6.8, RFC 6286 §2.3, RFC 4724 §5). */
import { ipToBigInt } from '../../../model/ip.ts';
import { CEASE, ERROR } from '../codes.ts';
import type { PeerConfig } from './config.ts';
import type { Cause } from './events.ts';
import type { Fsm } from './fsm.ts';
import type { Negotiated } from './negotiate.ts';

export interface Loser {
  readonly fsm: Fsm;
  readonly cause: Cause;
}

const COLLISION: Cause = {
  kind: 'sent',
  notification: {
    kind: 'notification',
    code: ERROR.cease,
    subcode: CEASE.connectionCollision,
    data: new Uint8Array(),
  },
  message: 'there is another connection to this peer',
};

/** The connection that has to go, if two cannot both stay. Oldest first in `all`. */
export function collisionIn(all: readonly Fsm[], config: PeerConfig): Loser | undefined {
  for (const candidate of all) {
    const { negotiated } = candidate;
    if (candidate.state !== 'OpenConfirm' || negotiated === undefined) continue;
    for (const other of all) {
      if (other === candidate) continue;
      if (other.state === 'Established') {
        // A peer that keeps routes over a restart, and calls again, has lost the session that we still believe in.
        const restarted = candidate.direction === 'incoming' && other.negotiated?.gracefulRestart !== undefined;
        return restarted ? { fsm: other, cause: { kind: 'replaced' } } : { fsm: candidate, cause: COLLISION };
      }
      if (other.state !== 'OpenSent' && other.state !== 'OpenConfirm') continue;
      if (other.direction === candidate.direction) {
        const older = all.indexOf(other) < all.indexOf(candidate) ? other : candidate;
        return { fsm: older, cause: COLLISION };
      }
      const winner = oursStays(config, negotiated) ? 'outgoing' : 'incoming';
      return { fsm: candidate.direction === winner ? other : candidate, cause: COLLISION };
    }
  }
  return undefined;
}

/** Whether this cause is only that another connection was better: nothing has failed. */
export function isCollision(cause: Cause): boolean {
  if (cause.kind !== 'sent' && cause.kind !== 'received') return false;
  const { code, subcode } = cause.notification;
  return code === ERROR.cease && subcode === CEASE.connectionCollision;
}

function oursStays({ identifier, localAs }: PeerConfig, { peerIdentifier, peerAs }: Negotiated): boolean {
  const [ours, theirs] = [ipToBigInt(identifier), ipToBigInt(peerIdentifier)];
  return ours === theirs ? localAs > peerAs : ours > theirs;
}

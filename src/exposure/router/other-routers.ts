/** Says which other routers there are, where a user may wonder why it is not those that are asked. */
import type { Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';

export interface OtherRouter {
  readonly ip: Ip;
  /** The interface whose default gateway it is; undefined for one that answered a search on the Service's own. */
  readonly link?: string;
}

/** The decision with a word about them, unless nothing has come of it yet. */
export function withOthers<T>(decision: Decision<T>, others: readonly OtherRouter[]): Decision<T> {
  if (others.length === 0 || decision.state === 'pending' || decision.state === 'off') return decision;
  const list = others.map(({ ip, link }) =>
    link === undefined ? `${ip} (answers UPnP, but is not the default gateway)` : `${ip} (gateway of ${link})`,
  );
  return { ...decision, message: `${decision.message}; other routers seen, and not asked: ${list.join(', ')}` };
}

/** Where the far end of a tunnel is called: an address, or what its name leads to at the moment. */
import { messageOf } from '../../../model/errors.ts';
import { parseIp, type Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { LookUp } from '../../address/port.ts';
import type { HeldTunnel } from './held-tunnel.ts';
import type { Tunnel } from './port.ts';

/** A name may lead elsewhere by then. */
const FRESH: Milliseconds = 60_000;

/** @throws Error when the name leads nowhere, and never did. */
export async function farEndOf(held: HeldTunnel, tunnel: Tunnel, clock: Clock, lookUp: LookUp): Promise<Ip> {
  const { host } = tunnel.endpoint;
  const address = parseIp(host);
  if (address !== undefined) return address;
  const known = held.called?.tunnel.endpoint.host === host ? held.called.endpoint : undefined;
  if (known !== undefined && clock.now() - held.lookedUpAt < FRESH) return known;
  try {
    const answers = await lookUp(host);
    held.lookedUpAt = clock.now();
    // As long as the one in use is among them, it stays.
    const found = answers.find((one) => one === known) ?? answers[0];
    if (found === undefined) throw new Error('it has no address');
    return found;
  } catch (error) {
    if (known !== undefined) return known;
    throw new Error(`peerEndpoint ${host} cannot be resolved: ${messageOf(error)}`, { cause: error });
  }
}

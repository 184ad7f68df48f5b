/** Tries what is about to be printed, from the machine the CLI runs on. */
import type { Ip } from '../../model/ip.ts';
import { parseIp } from '../../model/ip.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Reachability, Reached } from '../reachability.ts';
import { urlOf, type Endpoint } from './result.ts';

/** A pod that has just been started may take a moment to listen. */
const PATIENCE: Milliseconds = 10_000;
const TRY: Milliseconds = 2000;
const BETWEEN: Milliseconds = 250;

export interface VerifyParts {
  readonly reach: Reachability;
  readonly clock: Clock;
  /** On the clock. */
  readonly deadline: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

export async function verify(endpoints: readonly Endpoint[], parts: VerifyParts): Promise<Endpoint[]> {
  return await Promise.all(endpoints.map((endpoint) => verifyOne(endpoint, parts)));
}

async function verifyOne(endpoint: Endpoint, parts: VerifyParts): Promise<Endpoint> {
  if (endpoint.scope === 'internet') return endpoint;
  if (endpoint.protocol !== 'TCP')
    return { ...endpoint, note: `not verified: ${endpoint.protocol} gives no answer by itself` };
  if (endpoint.scope === 'lan') return await verifyAddress(endpoint, parseIp(endpoint.host), parts);
  const { reach, signal } = parts;
  const ips = await reach.resolve(endpoint.host, TRY, signal);
  if (ips === undefined) return { ...endpoint, note: 'not verified from here: the LAN cannot be asked for names' };
  const [ip] = ips;
  if (ip === undefined) return { ...endpoint, verified: 'no', note: `nobody on the LAN answers for ${endpoint.host}` };
  const reached = await verifyAddress(endpoint, ip, parts);
  return { ...reached, note: `${endpoint.host} is ${ip}: ${reached.note}` };
}

async function verifyAddress(endpoint: Endpoint, ip: Ip | undefined, parts: VerifyParts): Promise<Endpoint> {
  if (ip === undefined) return endpoint;
  const { reach, clock, signal } = parts;
  const until = Math.min(parts.deadline, clock.now() + PATIENCE);
  let reached: Reached = await reach.tcp(ip, endpoint.port, TRY, signal);
  while (reached.state === 'silent' && clock.now() < until && signal?.aborted !== true) {
    await new Promise<void>((resolve) => clock.after(BETWEEN, resolve));
    reached = await reach.tcp(ip, endpoint.port, TRY, signal);
  }
  switch (reached.state) {
    case 'answers': {
      const { http } = reached;
      // What answers in HTTP is shown as such, whatever its port is called.
      const url = http && endpoint.url.startsWith('tcp:') ? urlOf('http', endpoint.host, endpoint.port) : endpoint.url;
      return {
        ...endpoint,
        url,
        verified: 'yes',
        note: http ? `verified: HTTP ${http.status}` : 'verified: accepts connections',
      };
    }
    case 'silent':
      return { ...endpoint, verified: 'no', note: `does not answer: ${reached.message}` };
    case 'no-route':
      return { ...endpoint, note: `not verified from here: ${reached.message}` };
  }
}

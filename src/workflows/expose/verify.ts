/** Tries what is about to be printed, from the machine the CLI runs on. */
import type { Ip } from '../../model/ip.ts';
import { parseIp } from '../../model/ip.ts';
import { pause, type Clock, type Milliseconds } from '../../model/time.ts';
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
  const tried = await Promise.all(endpoints.map((endpoint) => verifyLan(endpoint, parts)));
  // Who is not on that network will not hear its names either, and silence would mean nothing. Many machines are on
  // it with one family only.
  const lan = tried.filter(({ scope }) => scope === 'lan');
  const away = lan.every(({ note }) => note.startsWith(AWAY)) ? lan[0]?.note : undefined;
  return await Promise.all(tried.map((endpoint) => verifyName(endpoint, away, parts)));
}

const AWAY = 'not verified from here';

async function verifyLan(endpoint: Endpoint, parts: VerifyParts): Promise<Endpoint> {
  if (endpoint.scope !== 'lan') return endpoint;
  if (endpoint.protocol !== 'TCP')
    return { ...endpoint, note: `not verified: ${endpoint.protocol} gives no answer by itself` };
  return await verifyAddress(endpoint, parseIp(endpoint.host), parts);
}

async function verifyName(endpoint: Endpoint, away: string | undefined, parts: VerifyParts): Promise<Endpoint> {
  if (endpoint.scope !== 'name') return endpoint;
  if (away !== undefined) return { ...endpoint, note: away };
  const ips = await parts.reach.resolve(endpoint.host, TRY, parts.signal);
  if (ips === undefined) return { ...endpoint, note: `${AWAY}: the LAN cannot be asked for names` };
  if (ips.length === 0) return { ...endpoint, verified: 'no', note: `nobody on the LAN answers for ${endpoint.host}` };
  const found = `${endpoint.host} is ${ips.join(' and ')}`;
  if (endpoint.protocol !== 'TCP') return { ...endpoint, note: `${found}; ${endpoint.protocol} is not tried` };
  const reached = await Promise.all(ips.map((ip) => verifyAddress(endpoint, ip, parts)));
  // A resolver tries one after the other, too: one that answers is enough.
  const best = reached.find(({ verified }) => verified === 'yes') ?? reached.find(({ verified }) => verified === 'no');
  const shown = best ?? reached[0] ?? endpoint;
  return { ...shown, note: `${found}: ${shown.note}` };
}

async function verifyAddress(endpoint: Endpoint, ip: Ip | undefined, parts: VerifyParts): Promise<Endpoint> {
  if (ip === undefined) return endpoint;
  const { reach, clock, signal } = parts;
  const until = Math.min(parts.deadline, clock.now() + PATIENCE);
  let reached: Reached = await reach.tcp(ip, endpoint.port, TRY, signal);
  while (reached.state === 'silent' && clock.now() < until && signal?.aborted !== true) {
    await pause(clock, BETWEEN, signal);
    reached = await reach.tcp(ip, endpoint.port, TRY, signal);
  }
  switch (reached.state) {
    case 'answers': {
      const { http, routed } = reached;
      if (routed)
        return { ...endpoint, note: `${AWAY}: this machine is not on that network, though something answers` };
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
      return { ...endpoint, note: `${AWAY}: ${reached.message}` };
  }
}

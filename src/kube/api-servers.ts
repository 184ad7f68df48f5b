/** The API servers of the control planes, one by one: this node's own, and the others behind the `kubernetes` Service. */
import type { LocalApiServer, OtherApiServers } from '../exposure/control-plane/port.ts';
import { failed, ready } from '../model/decision.ts';
import { hostPort, type Ip } from '../model/ip.ts';
import type { EndpointSlice } from '../model/kubernetes.ts';
import { holderOf, releasedRecord } from '../model/lease.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import { connectWith } from './client.ts';
import { redirected, type ApiEndpoint, type Credentials } from './credentials.ts';
import { askReadiness, type NotServing } from './readiness.ts';

/** In the certificate of every API server, whichever address it is asked at. */
const SERVER_NAME = 'kubernetes';

const LOOPBACK = '127.0.0.1';
const ELSEWHERE: ReadonlySet<NotServing['kind']> = new Set(['down', 'failed']);

export interface LocalApiServerOptions {
  readonly credentials: Credentials;
  readonly port: number;
  /** Addresses of this node, tried where it does not listen on loopback. */
  readonly nodeAddresses: () => readonly Ip[];
  readonly timeout: Milliseconds;
  /** What to ask instead of `/readyz` of this node. */
  readonly url?: URL;
  readonly caFile?: string;
}

export interface LocalApiServerAdapter extends LocalApiServer {
  /** Where it was found last. */
  endpoint(): ApiEndpoint;
}

export function createLocalApiServer(options: LocalApiServerOptions): LocalApiServerAdapter {
  const { credentials, port, nodeAddresses, timeout, url, caFile } = options;
  let found = LOOPBACK;
  const answer = (why: NotServing | undefined) => {
    if (!why) return ready(undefined, 'ApiServerReady', 'this node’s API server is ready');
    return failed(REASON[why.kind], `this node’s API server does not serve: ${why.message}`);
  };
  const ask = async (host: string): Promise<NotServing | undefined> =>
    askReadiness(credentials, { url: readyz(credentials, host, port), serverName: SERVER_NAME, timeout });
  const search = async (): Promise<NotServing | undefined> => {
    // An address that this node had may be another machine's by now.
    const here = [LOOPBACK, '::1', ...nodeAddresses()];
    if (!here.includes(found)) found = LOOPBACK;
    let first: NotServing | undefined;
    for (const host of new Set([found, ...here])) {
      const why = await ask(host);
      // Somebody else may have that port on another address: of what cannot be talked to the next may be it.
      if (why === undefined || !ELSEWHERE.has(why.kind)) {
        found = host;
        return why;
      }
      first ??= why;
    }
    return first;
  };
  return {
    endpoint: () => ({ host: found, port, serverName: SERVER_NAME }),
    async check() {
      if (!url) return answer(await search());
      // Judged elsewhere, and yet this node's API server is what the Lease is read and written at.
      const [why] = await Promise.all([
        askReadiness(credentials, { url, timeout, ...(caFile ? { caFile } : {}) }),
        search(),
      ]);
      return answer(why);
    },
  };
}

const REASON: Readonly<Record<NotServing['kind'], string>> = {
  down: 'ApiServerDown',
  silent: 'ApiServerSilent',
  refused: 'ApiServerRefuses',
  'not-ready': 'ApiServerNotReady',
  failed: 'ApiServerUnusable',
};

export interface OtherApiServersOptions {
  readonly credentials: Credentials;
  /** The EndpointSlices of the Service `kubernetes`; undefined: could not be read so far. */
  readonly slices: () => readonly EndpointSlice[] | undefined;
  /** Addresses of this node: its own API server is none of the others. */
  readonly nodeAddresses: () => readonly Ip[];
  readonly leaseNamespace: string;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly timeout: Milliseconds;
  /** For the log. */
  readonly onError?: (error: unknown, server: string) => void;
}

export function createOtherApiServers(options: OtherApiServersOptions): OtherApiServers {
  const { credentials, slices, nodeAddresses, leaseNamespace, clock, userAgent, timeout } = options;
  const others = (): ApiEndpoint[] => {
    const own = new Set<string>(nodeAddresses());
    return apiEndpoints(slices() ?? []).filter(({ host }) => !own.has(host));
  };
  const isReady = async ({ host, port }: ApiEndpoint): Promise<boolean> =>
    (await askReadiness(credentials, { url: readyz(credentials, host, port), serverName: SERVER_NAME, timeout })) ===
    undefined;
  const freeAt = async (endpoint: ApiEndpoint, lease: string, holder: string): Promise<boolean> => {
    const cluster = connectWith(
      redirected(credentials, () => endpoint),
      { namespace: leaseNamespace, userAgent },
    );
    try {
      const leases = cluster.resource('Lease');
      const held = await leases.find({ name: lease }, { timeoutMs: timeout });
      if (held && holderOf(held) === holder) {
        await leases.replace({ ...held, spec: releasedRecord(held, clock.wall()) }, { timeoutMs: timeout });
      }
      return true;
    } catch (error) {
      options.onError?.(error, cluster.server);
      return false;
    } finally {
      cluster.close();
    }
  };
  return {
    async anyReady() {
      if (slices() === undefined) return 'unknown';
      return (await Promise.all(others().map(isReady))).includes(true) ? 'ready' : 'none';
    },
    async free(lease, holder) {
      for (const endpoint of others()) if (await freeAt(endpoint, lease, holder)) return;
    },
  };
}

/** Where API servers are, of the EndpointSlices of the Service `kubernetes`, in order. */
export function apiEndpoints(slices: readonly EndpointSlice[]): ApiEndpoint[] {
  const all = slices
    .filter(({ addressType }) => addressType !== 'FQDN')
    .flatMap(({ endpoints = [], ports = [] }) =>
      endpoints.flatMap(({ addresses }) =>
        addresses.map((host) => ({ host, port: ports[0]?.port ?? 6443, serverName: SERVER_NAME })),
      ),
    );
  return [...new Map(all.map((one) => [`${one.host} ${one.port}`, one])).values()].sort((a, b) =>
    a.host.localeCompare(b.host, 'en', { numeric: true }),
  );
}

function readyz({ server }: Credentials, host: string, port: number): URL {
  return new URL(`${server.protocol}//${hostPort(host, port)}/readyz`);
}

/** What the CLI asks of the machine it runs on: does what was just promised really answer? */
import type { Ip } from '../model/ip.ts';
import type { Milliseconds } from '../model/time.ts';

export type Reached =
  /**
   * A connection was accepted; `http` when an HTTP answer came back on it. `routed`: this machine is not on that network,
   * so that something on the way may have answered in its place.
   */
  | { readonly state: 'answers'; readonly routed: boolean; readonly http?: { readonly status: number } }
  /** The address could have answered, and did not. */
  | { readonly state: 'silent'; readonly message: string }
  /** Nothing can be said from this machine: it is not on that network. */
  | { readonly state: 'no-route'; readonly message: string };

export interface Reachability {
  /** TCP connection, then an HTTP request on it. Never throws. */
  tcp(ip: Ip, port: number, timeout: Milliseconds, signal?: AbortSignal): Promise<Reached>;
  /** Addresses of a `.local` name, asked of the LAN by mDNS. Empty: nobody answered; undefined: cannot be asked here. */
  resolve(host: string, timeout: Milliseconds, signal?: AbortSignal): Promise<readonly Ip[] | undefined>;
}

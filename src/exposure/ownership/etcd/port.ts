/** What an election in etcd needs from outside. */
import type { Milliseconds } from '../../../model/time.ts';

/** etcd's JSON gateway, at whichever member serves. */
export interface EtcdWire {
  /**
   * The JSON of an answer, a refusal included. What is asked may be asked of several members, one after the other.
   * @throws KubevipError ETCD_UNREACHABLE, with why at each member and what to do.
   */
  post(request: { readonly path: string; readonly body: unknown }, timeoutMs: Milliseconds): Promise<unknown>;
  /** Messages of a stream, until it is closed. Failures arrive at `onEnd`, exactly once, unless closed by us first. */
  stream(
    request: { readonly path: string; readonly body: unknown },
    handlers: { readonly onMessage: (message: unknown) => void; readonly onEnd: (error: unknown) => void },
  ): { close(): void };
  /** Calls and streams under way end. */
  close(): void;
}

/** An election in etcd: what can be done to it, one call each. */
import { KubevipError } from '../../../model/errors.ts';
import type { Milliseconds } from '../../../model/time.ts';
import { inOrder, type Candidate, type LeaseId } from '../../../protocols/etcd/candidates.ts';
import * as gateway from '../../../protocols/etcd/gateway.ts';
import type { EtcdWire } from './port.ts';

export interface Look {
  /** The leader first. */
  readonly candidates: readonly Candidate[];
  /** Of the leader, if that is another one and it is known. */
  readonly lease?: gateway.LeaseAge | undefined;
}

export class EtcdElectionClient {
  readonly #wire: EtcdWire;
  readonly #election: string;
  readonly #timeoutMs: Milliseconds;

  /** @param election its name. @param timeoutMs of one call. */
  constructor(wire: EtcdWire, election: string, timeoutMs: Milliseconds) {
    this.#wire = wire;
    this.#election = election;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws KubevipError, DecodeError; so do all of these. */
  async grant(ttl: Milliseconds): Promise<{ readonly lease: LeaseId; readonly ttl: Milliseconds }> {
    return gateway.readGrant(await this.#call(gateway.grantLease(Math.ceil(ttl / 1000))));
  }

  /** `gone`: there is no such lease any more. */
  async renew(lease: LeaseId): Promise<'renewed' | 'gone'> {
    return gateway.readRenewal(await this.#call(gateway.renewLease(lease))) === undefined ? 'gone' : 'renewed';
  }

  async revoke(lease: LeaseId): Promise<void> {
    await this.#unlessGone(gateway.revokeLease(lease));
  }

  /** Takes a place behind all who are there. */
  async enter(lease: LeaseId, id: string): Promise<'entered' | 'gone'> {
    const answer = await this.#unlessGone(gateway.enterElection(this.#election, lease, id));
    return answer === 'gone' ? 'gone' : 'entered';
  }

  /** @param own lease, which need not be asked about */
  async look(own: LeaseId | undefined): Promise<Look> {
    const candidates = inOrder(gateway.readCandidates(await this.#call(gateway.listCandidates(this.#election))));
    const leader = candidates[0]?.lease;
    if (leader === undefined || leader === own) return { candidates };
    // For the account of a takeover alone.
    const lease = await this.#call(gateway.askLease(leader)).then(gateway.readLeaseAge, () => undefined);
    return { candidates, lease };
  }

  /**
   * @param onChange called when the candidates may have changed, and when watching begins
   * @param onEnd called once when nothing is watched any more, unless that was closed
   */
  watch(onChange: () => void, onEnd: (error: unknown) => void): { close(): void } {
    let over = false;
    const end = (error: unknown): void => {
      if (over) return;
      over = true;
      stream.close();
      onEnd(error);
    };
    const stream = this.#wire.stream(gateway.watchCandidates(this.#election), {
      onMessage: (message) => {
        if (over) return;
        try {
          const { kind, why } = gateway.readWatch(message);
          if (kind === 'ended') end(new KubevipError(`etcd ended the watch: ${why}`, { code: 'ETCD_REFUSED' }));
          else onChange();
        } catch (error) {
          end(error);
        }
      },
      onEnd: end,
    });
    return {
      close: () => {
        over = true;
        stream.close();
      },
    };
  }

  async #call(request: gateway.GatewayRequest): Promise<unknown> {
    const answer = await this.#wire.post(request, this.#timeoutMs);
    const refusal = gateway.readRefusal(answer);
    if (refusal) throw new EtcdRefusal(request.path, refusal);
    return answer;
  }

  async #unlessGone(request: gateway.GatewayRequest): Promise<unknown> {
    try {
      return await this.#call(request);
    } catch (error) {
      if (error instanceof EtcdRefusal && error.status === gateway.NOT_FOUND) return 'gone';
      throw error;
    }
  }
}

class EtcdRefusal extends KubevipError {
  readonly status: number;

  constructor(path: string, { code, message }: { readonly code: number; readonly message: string }) {
    const needsUser = /user name is empty|permission denied|invalid auth token/.test(message);
    super(`etcd refuses ${path}: ${message}`, {
      code: 'ETCD_REFUSED',
      hints: needsUser
        ? [
            'This etcd has users, which its JSON gateway does not know by their certificates: elect in another way there.',
          ]
        : [],
    });
    this.status = code;
  }
}

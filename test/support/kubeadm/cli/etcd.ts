/** kubeadm's dealings with etcd (util/etcd, phases/etcd): who is a member, joining as a learner, leaving. */
import { Api } from './api.ts';
import { text, type Doc, type Endpoint, type Timeouts, list } from './config.ts';
import { Failure, poll, say } from './failure.ts';
import { urlOf } from './kubeconfig.ts';
import { load } from './pki.ts';

const RETRY_MS = 500;

export interface Member extends EtcdView {
  readonly id: string;
}
interface EtcdView {
  readonly name: string;
  readonly peerUrl: string;
  readonly learner: boolean;
  readonly started: boolean;
}

export class Etcd {
  readonly #clients: readonly Api[];
  readonly #timeoutMs: number;

  private constructor(clients: readonly Api[], timeoutMs: number) {
    this.#clients = clients;
    this.#timeoutMs = timeoutMs;
  }

  /** Finds the members by the annotations of their static pods, which the kubelets show in the API. */
  static async fromCluster(api: Api, timeouts: Timeouts): Promise<Etcd> {
    const selector = encodeURIComponent('component=etcd,tier=control-plane');
    const pods = await poll(RETRY_MS, timeouts.kubernetesAPICall, async () => {
      const found = await api.call('GET', `/api/v1/namespaces/kube-system/pods?labelSelector=${selector}`);
      const items = list(found, 'items');
      return items.length > 0 ? items : undefined;
    }).catch((error: unknown) => {
      throw new Failure(`could not retrieve the list of etcd endpoints: ${(error as Error).message}`);
    });
    const { cert, key } = load('etcd/healthcheck-client');
    const ca = load('etcd/ca').cert;
    const clients = pods.map((pod) => {
      const annotations = (pod['metadata'] as Doc)['annotations'] as Doc;
      const server = String(annotations['kubeadm.kubernetes.io/etcd.advertise-client-urls']);
      return new Api({ server, ca, cert, key });
    });
    return new Etcd(clients, timeouts.etcdAPICall);
  }

  async members(): Promise<Member[]> {
    return membersIn(await this.#ask('GET', '/members'));
  }

  /** @throws Failure unless every voting member answers */
  async checkHealth(): Promise<void> {
    const members = await this.members();
    const silent = members.find(({ started, learner }) => !started && !learner);
    if (silent !== undefined) throw new Failure(`etcd cluster is not healthy: member ${silent.name} does not answer`);
  }

  /** Adding one that is there already is no mistake. */
  async add(name: string, peerUrl: string, learner: boolean): Promise<Member[]> {
    const members = membersIn(await this.#ask('POST', '/members', { name, peerUrl, learner }));
    say('[etcd] Announced new etcd member joining to the existing etcd cluster');
    // A member that has not started has no name yet.
    return members.map((member) => (member.peerUrl === peerUrl ? { ...member, name } : member));
  }

  async promote(peerUrl: string): Promise<void> {
    const id = (await this.members()).find((member) => member.peerUrl === peerUrl)?.id ?? '';
    await poll(RETRY_MS, this.#timeoutMs, async () => {
      const member = (await this.members()).find((one) => one.id === id);
      if (member?.started !== true) throw new Failure(`the etcd member ${id} is not started`);
      if (!member.learner) return true;
      await this.#ask('POST', `/members/${id}/promote`);
      return true;
    });
  }

  async remove(peerUrl: string): Promise<void> {
    const members = await this.members();
    const own = members.find((member) => member.peerUrl === peerUrl);
    // The last one takes the data with it.
    if (own === undefined || members.length === 1) return;
    await poll(RETRY_MS, this.#timeoutMs, async () => {
      await this.#ask('DELETE', `/members/${own.id}`);
      return true;
    });
  }

  /** Of the members, the first that has an answer. */
  async #ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: Doc): Promise<Doc> {
    let last: unknown = new Failure('no etcd member is known');
    for (const client of this.#clients) {
      try {
        return await client.call(method, path, body);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

function membersIn(doc: Doc): Member[] {
  return list(doc, 'members').map((member) => ({
    id: text(member, 'id'),
    name: text(member, 'name'),
    peerUrl: text(member, 'peerUrl'),
    learner: member['learner'] === true,
    started: member['started'] === true,
  }));
}

export function peerUrlOf({ advertiseAddress }: Pick<Endpoint, 'advertiseAddress'>): string {
  return urlOf(advertiseAddress, 2380);
}

/** The naming stage over real links: keeps the names of every Service published, and says how it stands. */
import { failed, off, pending, ready, type Decision } from '../../model/decision.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Entropy } from '../../model/time.ts';
import type { Network } from '../../model/wire.ts';
import { endsWith, foldName, labelProblem, labelsOf, nameProblem, sameName } from '../../protocols/mdns/name.ts';
import type { Publication } from '../../protocols/mdns/publication.ts';
import { LinkResponder } from './link-responder.ts';
import type { NamePublisher, NameRequestOnLink, PublishedName } from './port.ts';

export interface NamePublisherOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

interface Held {
  readonly link: string;
  readonly hosts: readonly string[];
  /** Of what is published, to see whether anything has changed. */
  readonly fingerprint: string;
}

export function createNamePublisher(options: NamePublisherOptions): NamePublisher {
  return new LinkPublisher(options);
}

class LinkPublisher implements NamePublisher {
  readonly #options: NamePublisherOptions;
  readonly #held = new Map<ServiceKey, Held>();
  /** Which Service asked for a name on a link. */
  readonly #asked = new Map<string, ServiceKey>();
  /** Services whose name another one has, with the link they want it on. */
  readonly #waiting = new Map<ServiceKey, string>();
  readonly #links = new Map<string, LinkResponder>();
  readonly #listeners = new Set<(service: ServiceKey) => void>();
  readonly #stopWatching: () => void;

  constructor(options: NamePublisherOptions) {
    this.#options = options;
    this.#stopWatching = options.network.onChange(() => {
      for (const link of [...this.#links.values()]) link.linkChanged();
    });
  }

  ensure(request: NameRequestOnLink): Decision<PublishedName> {
    const { service, link } = request;
    const hosts = distinctHosts(request.hosts);
    const refusal = this.#refusal({ ...request, hosts });
    if (refusal) {
      this.withdraw(service);
      if (refusal.reason === 'NameTaken') this.#waiting.set(service, link);
      return refusal;
    }
    this.#waiting.delete(service);
    const before = this.#held.get(service);
    if (before && before.link !== link) this.withdraw(service);
    const publication = publicationOf({ ...request, hosts });
    const fingerprint = JSON.stringify({ ...publication, verified: [] });
    const responder = this.#responder(link);
    if (this.#held.get(service)?.fingerprint !== fingerprint) {
      this.#release(service);
      this.#held.set(service, { link, hosts, fingerprint });
      for (const host of hosts) this.#asked.set(placeOf(host, link), service);
      responder.publish(service, publication);
      if (before) this.#wake(link);
    }
    return responder.obstacle() ?? decisionOf({ ...request, hosts }, responder);
  }

  yield(service: ServiceKey): void {
    const held = this.#release(service);
    if (held) this.#links.get(held.link)?.forget(service);
    if (held) this.#wake(held.link);
  }

  withdraw(service: ServiceKey, was?: NameRequestOnLink): Decision {
    const held = this.#release(service);
    const { link, hosts } = held ?? was ?? {};
    if (link === undefined || hosts === undefined) return off('NotPublished', 'no name is published');
    const responder = this.#responder(link);
    if (!held && was) responder.publish(service, publicationOf(was));
    responder.withdraw(service);
    this.#wake(link);
    return off('NameWithdrawn', `${hosts.join(', ')}: goodbye said on ${link}`);
  }

  onChange(callback: (service: ServiceKey) => void): () => void {
    this.#listeners.add(callback);
    return () => void this.#listeners.delete(callback);
  }

  close(): void {
    this.#stopWatching();
    this.#listeners.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#held.clear();
    this.#asked.clear();
    this.#waiting.clear();
  }

  #release(service: ServiceKey): Held | undefined {
    const held = this.#held.get(service);
    for (const host of held?.hosts ?? []) this.#asked.delete(placeOf(host, held?.link ?? ''));
    this.#held.delete(service);
    this.#waiting.delete(service);
    return held;
  }

  #refusal({ service, hosts, link, instance }: NameRequestOnLink): ReturnType<typeof failed> | undefined {
    if (hosts.length === 0) return off('NotAskedFor', 'no name is asked for');
    for (const host of hosts) {
      const problem = hostProblem(host);
      if (problem !== undefined)
        return failed('InvalidName', `${JSON.stringify(host)} cannot be published: ${problem}`);
    }
    const problem = labelProblem(instance);
    if (problem !== undefined)
      return failed('InvalidName', `${JSON.stringify(instance)} cannot be published: ${problem}`);
    for (const host of hosts) {
      const holder = this.#holder(host, link, service);
      if (holder !== undefined) {
        return failed('NameTaken', `${host} on ${link} belongs to Service ${holder}; choose another name`);
      }
    }
    return undefined;
  }

  /** The other Service that asked for `host` on the link, or has come to it by renaming. */
  #holder(host: string, link: string, except: ServiceKey): ServiceKey | undefined {
    const holders = [this.#asked.get(placeOf(host, link)), this.#links.get(link)?.holder(host)];
    return holders.find((holder) => holder !== undefined && holder !== except) as ServiceKey | undefined;
  }

  #responder(link: string): LinkResponder {
    const existing = this.#links.get(link);
    if (existing) return existing;
    const responder = new LinkResponder({
      ...this.#options,
      link,
      onChange: (key) => {
        for (const [service, held] of [...this.#held]) {
          if (held.link === link && (key === undefined || key === service)) this.#tell(service);
        }
      },
      onIdle: () => {
        responder.close();
        this.#links.delete(link);
      },
    });
    this.#links.set(link, responder);
    return responder;
  }

  /** A name may have become free. */
  #wake(link: string): void {
    for (const [service, on] of [...this.#waiting]) if (on === link) this.#tell(service);
  }

  #tell(service: ServiceKey): void {
    for (const listener of [...this.#listeners]) listener(service);
  }
}

function publicationOf({ hosts, ips, instance, ports, verified }: NameRequestOnLink): Publication {
  return { hosts, addresses: ips, instance, services: ports, verified };
}

function decisionOf(request: NameRequestOnLink, responder: LinkResponder): Decision<PublishedName> {
  const { service, hosts, ips, link, ports } = request;
  const status = responder.status(service);
  const asked = (status?.hosts ?? hosts).join(', ');
  if (status?.contested) {
    const what = `so many objections on ${link} that ${asked} is tried only every few seconds`;
    return failed('NameContested', `${what}; find the host that answers for every name`);
  }
  if (!status?.established) {
    return pending('Probing', `asking on ${link} whether another host uses ${asked}`);
  }
  const types = [...new Set(ports.map(({ type }) => type))];
  const where = `${status.hosts.join(', ')} → ${ips.join(', ')} on ${link}`;
  const facts = types.length > 0 ? `${where}; ${types.join(', ')}` : where;
  const value = { hosts: status.hosts, instances: status.instances };
  const lost = hosts.filter((host, i) => !sameName(host, status.hosts[i] ?? ''));
  if (lost.length === 0) return ready(value, 'NamePublished', facts);
  const renamed = status.hosts.filter((host) => !hosts.some((asked) => sameName(asked, host)));
  const why = `published as ${renamed.join(', ')} because another host answers ${lost.join(', ')}`;
  return ready(value, 'NameConflictRenamed', `${why}: ${facts}`);
}

function placeOf(host: string, link: string): string {
  return `${link} ${foldName(host)}`;
}

function distinctHosts(hosts: readonly string[]): string[] {
  return [...new Map(hosts.map((host) => [foldName(host), host])).values()];
}

function hostProblem(host: string): string | undefined {
  if (!endsWith(host, 'local') || labelsOf(host).length < 2) return 'mDNS names end in .local';
  return nameProblem(host);
}

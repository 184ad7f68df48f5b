/** Which names a Service is to have, as it stands, and what becomes of them. */
import { off, pending, type Decision } from '../../model/decision.ts';
import type { Service, ServiceKey } from '../../model/kubernetes.ts';
import type { Intent } from '../intent/port.ts';
import { isMine } from '../ownership/is-mine.ts';
import { NOT_OWNER, type Standing } from '../standing.ts';
import { nameClaimOf, NameClaims } from './name-claims.ts';
import type { NamePublisher, PublishedName } from './port.ts';
import { nameRequestFor, readPublished } from './request.ts';

export interface NameStageParts {
  readonly names: NamePublisher;
  /** A Service may stand differently because of another one: it is to be reconciled soon. */
  readonly again: (key: ServiceKey) => void;
}

export class NameStage {
  readonly #parts: NameStageParts;
  readonly #claims = new NameClaims();

  constructor(parts: NameStageParts) {
    this.#parts = parts;
  }

  /** On every node alike, whoever owns the address. */
  claim(key: ServiceKey, service?: Service, intent?: Intent): void {
    const claim = service && intent && nameClaimOf(service, intent);
    for (const other of this.#claims.set(key, claim)) this.#parts.again(other);
  }

  settle({ service, intent, assigned, owner, announced }: Standing): Decision<PublishedName> {
    const { names } = this.#parts;
    if (!isMine(owner)) {
      names.yield(intent.service);
      return intent.name ? NOT_OWNER : off('NotAskedFor', 'no name is asked for');
    }
    if (!intent.name || 'state' in intent.name) {
      const published = readPublished(service);
      const link = announced.state === 'ready' ? announced.value.link : undefined;
      const was = assigned && link !== undefined && published.length > 0;
      names.withdraw(intent.service, was ? nameRequestFor(service, published, assigned.ips, link) : undefined);
      return intent.name ?? off('NotAskedFor', 'no name is asked for');
    }
    const taken = this.#claims.refusal(intent.service);
    if (taken) {
      names.withdraw(intent.service);
      return taken;
    }
    if (announced.state !== 'ready' || !assigned) return pending('WaitingForAnnouncement', announced.message);
    return names.ensure(nameRequestFor(service, intent.name.hosts, assigned.ips, announced.value.link));
  }
}

/** The names a publication needs for itself, under the name they have now, and the records that stand on them. */
import type { Milliseconds } from '../../model/time.ts';
import type { Name, ResourceRecord } from './message.ts';
import { foldName, truncateLabel } from './name.ts';
import { Prober } from './prober.ts';
import {
  hostRecords,
  instanceNameOf,
  instanceRecords,
  pointerRecords,
  type Publication,
  type PublishedService,
} from './publication.ts';
import { attemptOf, renamedHost, renamedInstance } from './rename.ts';

/** One unique name. It is ours while nobody is asked about it. */
export interface Claim {
  /** What was asked for: the host, or the instance label with its service. */
  readonly asked: string;
  service?: PublishedService;
  attempt: number;
  name: Name;
  /** Present while the name is being probed for. */
  prober?: Prober;
  /** It was ours when somebody objected: told as ours until it is lost. */
  doubted?: boolean;
}

export class Claims {
  #publication: Publication;
  #claims: Claim[] = [];
  readonly #isTaken: (name: Name) => boolean;

  /** @param isTaken whether another publication of ours has the name. */
  constructor(publication: Publication, isTaken: (name: Name) => boolean) {
    this.#publication = publication;
    this.#isTaken = isTaken;
  }

  all(): readonly Claim[] {
    return this.#claims;
  }

  /**
   * Names that are still wanted keep what they have come to; new ones are probed for from `startAt` on, unless an
   * earlier owner has won them already.
   */
  update(publication: Publication, startAt: Milliseconds): void {
    const before = this.#claims;
    this.#publication = publication;
    this.#claims = [];
    const hosts = publication.hosts.map((asked) => ({ asked }));
    for (const wanted of [...hosts, ...labelled(publication)]) {
      const kept = before.find((claim) => isSameWish(claim, wanted));
      this.#claims.push(kept ? Object.assign(kept, wanted) : this.#newClaim(wanted, startAt));
    }
  }

  /** Puts a claim (back) into the probing state. `heldBack`: after too many conflicts. */
  probe(claim: Claim, startAt: Milliseconds, heldBack = false): void {
    claim.prober = new Prober(claim.name, () => this.uniqueRecords(claim), startAt, heldBack);
  }

  /** Another host has the name: take the next one that none of ours has. */
  rename(claim: Claim): void {
    do {
      claim.attempt++;
      claim.name = nameAt(claim, claim.attempt);
    } while (this.#isTaken(claim.name) || this.#claims.some((other) => other !== claim && clashes(other, claim)));
  }

  uniqueRecords(claim: Claim): ResourceRecord[] {
    if (!claim.service) return hostRecords(claim.name, this.#publication.addresses);
    const target = this.hosts()[0];
    return target === undefined ? [] : instanceRecords(claim.name, target, claim.service);
  }

  /** Everything that stands on the claim. */
  records(claim: Claim): ResourceRecord[] {
    const pointers = claim.service ? pointerRecords(claim.name, claim.service.type) : [];
    return [...this.uniqueRecords(claim), ...pointers];
  }

  /** The records of all names that are ours. */
  established(): ResourceRecord[] {
    return this.#claims.filter(({ prober }) => !prober).flatMap((claim) => this.records(claim));
  }

  isEstablished(): boolean {
    return this.#claims.every(({ prober }) => !prober);
  }

  /** Established, but for names that were ours and are only being defended. */
  stands(): boolean {
    return this.#claims.every(({ prober, doubted }) => !prober || doubted === true);
  }

  /** A name waits because there were too many conflicts. */
  isHeldBack(): boolean {
    return this.#claims.some(({ prober }) => prober?.isHeldBack());
  }

  /** The hosts under the names they have now, in the order asked for. */
  hosts(): Name[] {
    return this.#claims.filter(({ service }) => !service).map(({ name }) => name);
  }

  /** The instances under the names they have now, in the order of the services. */
  instances(): Name[] {
    return this.#claims.filter(({ service }) => service).map(({ name }) => name);
  }

  #newClaim(wanted: Wanted, startAt: Milliseconds): Claim {
    const verified = this.#verifiedAttempt(wanted);
    const claim: Claim = { ...wanted, attempt: verified ?? 1, name: nameAt(wanted, verified ?? 1) };
    const taken = this.#isTaken(claim.name) || this.#claims.some((other) => clashes(other, claim));
    if (taken) this.rename(claim);
    if (verified === undefined || taken) this.probe(claim, startAt);
    return claim;
  }

  #verifiedAttempt(wanted: Wanted): number | undefined {
    return this.#publication.verified
      .map((name) => attemptOf(name, (attempt) => nameAt(wanted, attempt)))
      .find((attempt) => attempt !== undefined);
  }
}

type Wanted = Pick<Claim, 'asked' | 'service'>;

/** A second port of the same type needs an instance of its own: its number tells it from the first. */
function labelled({ instance, services }: Publication): Wanted[] {
  const types = new Set<string>();
  return services.map((service) => {
    const number = ` ${service.port}`;
    const asked = types.has(service.type) ? truncateLabel(instance, 63 - number.length) + number : instance;
    types.add(service.type);
    return { asked, service };
  });
}

function isSameWish(claim: Wanted, wanted: Wanted): boolean {
  return foldName(claim.asked) === foldName(wanted.asked) && claim.service?.type === wanted.service?.type;
}

function nameAt({ asked, service }: Wanted, attempt: number): Name {
  return service ? instanceNameOf(renamedInstance(asked, attempt), service.type) : renamedHost(asked, attempt);
}

function clashes(a: { readonly name: Name }, b: { readonly name: Name }): boolean {
  return foldName(a.name) === foldName(b.name);
}

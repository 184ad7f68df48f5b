/** The naming stage: names on the LAN by mDNS (RFC 6762) and DNS-SD (RFC 6763). */
import type { Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';

export interface NamedPort {
  /** `_http._tcp` */
  readonly type: string;
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
}

export interface NameRequestOnLink {
  readonly service: ServiceKey;
  /** Fully qualified without the last dot: `web.local`. */
  readonly hosts: readonly string[];
  readonly ips: readonly Ip[];
  readonly link: string;
  /** DNS-SD instance label for people: `web`. */
  readonly instance: string;
  readonly ports: readonly NamedPort[];
  /**
   * Names already published for this Service by an earlier owner, hosts and instances: announced at once, without
   * probing (a move takes no second). One that is a renaming of what is asked for (`web-2.local` for `web.local`)
   * stays.
   */
  readonly verified: readonly string[];
}

export interface PublishedName {
  /** The names in use: those asked for, or renamed (`web-2.local`) after a conflict. */
  readonly hosts: readonly string[];
  /** DNS-SD instances likewise: `web._http._tcp.local`, `web (2)._http._tcp.local`. */
  readonly instances: readonly string[];
}

export interface NamePublisher {
  ensure(request: NameRequestOnLink): Decision<PublishedName>;
  /** Stop answering without a goodbye: the new owner has announced. */
  yield(service: ServiceKey): void;
  /**
   * Goodbye (TTL 0), then forget.
   * @param was what the Service's record says: said goodbye to even if it was another agent that published it.
   */
  withdraw(service: ServiceKey, was?: NameRequestOnLink): Decision;
  /** Called with the Service whose decision may have changed: ask again. Returns the way to stop. */
  onChange(callback: (service: ServiceKey) => void): () => void;
  /** Falls silent without goodbyes, closes every socket and stops every timer. */
  close(): void;
}

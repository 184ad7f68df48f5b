/** Runs the responder machine of one link: sockets, timer, and what happens to the link. */
import { messageOf } from '../../model/errors.ts';
import { failed, pending, type NotReady } from '../../model/decision.ts';
import type { Family } from '../../model/ip.ts';
import type { Clock, Entropy, Milliseconds, Timer } from '../../model/time.ts';
import type { Link, Network } from '../../model/wire.ts';
import type { Publication } from '../../protocols/mdns/publication.ts';
import { Responder, type PublicationStatus, type ResponderOutput } from '../../protocols/mdns/responder.ts';
import { MdnsChannel, unavailable } from './mdns-channel.ts';

/** After a failure to open the sockets, doubling. */
const RETRY = { first: 1000, most: 30_000 };

export interface LinkResponderOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Interface name. */
  readonly link: string;
  /** The state of a publication, or of all of them (undefined), may have changed. */
  readonly onChange: (key: string | undefined) => void;
  /** Nothing is published and nothing is left to be said. */
  readonly onIdle: () => void;
}

export class LinkResponder {
  readonly #options: LinkResponderOptions;
  readonly #machine: Responder;
  readonly #keys = new Set<string>();
  #channel: MdnsChannel | undefined;
  /** Sockets are being opened; `again`: the link has changed meanwhile. */
  #adjusting: 'once' | 'again' | undefined;
  #closed = false;
  #problem: string | undefined;
  #retry: Milliseconds = RETRY.first;
  #retryTimer: Timer | undefined;
  #timer: Timer | undefined;
  /** Index of the link when it was last seen up; undefined while it is down or not there. */
  #upAs: number | undefined;
  #wasUp = false;

  constructor(options: LinkResponderOptions) {
    this.#options = options;
    this.#machine = new Responder({ entropy: options.entropy });
    this.linkChanged();
  }

  publish(key: string, publication: Publication): void {
    this.#keys.add(key);
    this.#machine.publish(key, publication, this.#options.clock.now());
    this.#soon();
  }

  /** With goodbyes, which are on their way when the timers have run. */
  withdraw(key: string): void {
    this.#keys.delete(key);
    this.#machine.withdraw(key, this.#options.clock.now());
    this.#soon();
  }

  forget(key: string): void {
    this.#keys.delete(key);
    this.#machine.forget(key);
    this.#soon();
  }

  status(key: string): PublicationStatus | undefined {
    return this.#machine.status(key);
  }

  /** The publication that has a name now, or is probing for it. */
  holder(name: string): string | undefined {
    return this.#machine.holder(name);
  }

  /** Why nothing can be published here now; undefined when it can. */
  obstacle(): NotReady | undefined {
    const { link: name } = this.#options;
    const link = this.#link();
    if (!link) return failed('NoLink', `there is no interface ${name} on this node`);
    if (!link.up) return failed('NoLink', `${name} is down`);
    if (this.#problem !== undefined) return failed('MdnsUnavailable', this.#problem);
    return this.#isOpen() ? undefined : pending('Starting', `opening mDNS on ${name}`);
  }

  /** Looks at the link again: gone, come back, another family, another interface under the same name. */
  linkChanged(): void {
    if (this.#closed) return;
    const link = this.#link();
    const upAs = link?.up === true ? link.index : undefined;
    const turned = upAs !== this.#upAs;
    this.#upAs = upAs;
    if (turned) {
      // Whatever was joined on the link may be lost with it: sockets of its own each time it comes.
      this.#channel?.close();
      this.#channel = link && upAs !== undefined ? this.#newChannel(link) : undefined;
    }
    if (upAs !== undefined) this.#adjust();
    if (turned && upAs !== undefined) {
      if (this.#wasUp) this.#carry(this.#machine.restart(this.#options.clock.now()));
      this.#wasUp = true;
    }
    if (turned) this.#options.onChange(undefined);
  }

  close(): void {
    this.#closed = true;
    this.#channel?.close();
    this.#channel = undefined;
    this.#timer?.cancel();
    this.#retryTimer?.cancel();
  }

  #link(): Link | undefined {
    return this.#options.network.links().find(({ name }) => name === this.#options.link);
  }

  #isOpen(): boolean {
    return (this.#channel?.families.length ?? 0) > 0;
  }

  #newChannel(link: Link): MdnsChannel {
    const { network, clock } = this.#options;
    return new MdnsChannel({
      network,
      clock,
      link,
      onMessage: (message, from) => this.#carry(this.#machine.receive(message, from, clock.now())),
      onFailed: (error) => this.#failed(link, [error]),
    });
  }

  /** Brings the sockets in line with the families of the link. */
  #adjust(): void {
    const [channel, link] = [this.#channel, this.#link()];
    if (!channel || !link || this.#closed) return;
    if (this.#adjusting) {
      this.#adjusting = 'again';
      return;
    }
    this.#adjusting = 'once';
    this.#retryTimer?.cancel();
    const before = channel.families;
    void channel.adjust().then((problems) => {
      const again = this.#adjusting === 'again' || channel !== this.#channel;
      this.#adjusting = undefined;
      if (channel === this.#channel) this.#adjusted(link, before, problems);
      if (again) this.#adjust();
      this.#schedule();
    });
  }

  #adjusted(link: Link, before: readonly Family[], problems: readonly unknown[]): void {
    const families = this.#channel?.families ?? [];
    // Whoever listens in a family that has come has heard nothing so far.
    if (before.length > 0 && families.length > before.length) this.#machine.announce(this.#options.clock.now());
    if (problems.length > 0 || families.length === 0) return this.#failed(link, problems);
    this.#retry = RETRY.first;
    if (families.join() === before.join() && this.#problem === undefined) return;
    this.#problem = undefined;
    this.#advance();
    this.#options.onChange(undefined);
  }

  /** What can be had is used; the rest is tried again. */
  #failed(link: Link, problems: readonly unknown[]): void {
    if (this.#closed) return;
    this.#problem = this.#isOpen() ? undefined : messageOf(unavailable(link, problems));
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#options.clock.after(this.#retry, () => this.#adjust());
    this.#retry = Math.min(this.#retry * 2, RETRY.most);
    this.#schedule();
    this.#options.onChange(undefined);
  }

  #advance(): void {
    if (this.#isOpen()) this.#carry(this.#machine.advance(this.#options.clock.now()));
  }

  #carry(outputs: readonly ResponderOutput[]): void {
    for (const output of outputs) if (output.kind === 'send') this.#channel?.send(output);
    this.#schedule();
    for (const output of outputs) if (output.kind === 'changed') this.#options.onChange(output.key);
  }

  /** When all calls of this turn are through: of a thousand changes the machine is looked at once. */
  #soon(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(0, () => {
      if (this.#isOpen()) this.#advance();
      else this.#schedule();
    });
  }

  /** While there is no socket the machine stands still: nothing is asked or said into the void. */
  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closed) return;
    const { clock, onIdle } = this.#options;
    const deadline = this.#machine.deadline();
    const speechless = !this.#isOpen() && this.#adjusting === undefined;
    if (this.#keys.size === 0 && (deadline === undefined || speechless)) {
      // Not from within a call of the owner.
      this.#timer = clock.after(0, onIdle);
    } else if (deadline !== undefined && this.#isOpen()) {
      this.#timer = clock.after(Math.max(0, deadline - clock.now()), () => this.#advance());
    }
  }
}

/** Runs the responder machine of one link: sockets, timer, and what happens to the link. */
import { messageOf } from '../../model/errors.ts';
import { failed, pending, type NotReady } from '../../model/decision.ts';
import type { Clock, Entropy, Milliseconds, Timer } from '../../model/time.ts';
import type { Link, Network } from '../../model/wire.ts';
import type { Publication } from '../../protocols/mdns/publication.ts';
import { Responder, type PublicationStatus, type ResponderOutput } from '../../protocols/mdns/responder.ts';
import { familiesOf, openMdnsChannel, type MdnsChannel } from './mdns-channel.ts';

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
  #opening = false;
  #closed = false;
  #problem: string | undefined;
  #retry: Milliseconds = RETRY.first;
  #retryTimer: Timer | undefined;
  #timer: Timer | undefined;
  /** What the channel was last opened on: a family that failed is no reason to close the other again and again. */
  #tried: string | undefined;
  #wasUp = false;
  #wasThere = false;

  constructor(options: LinkResponderOptions) {
    this.#options = options;
    this.#machine = new Responder({ entropy: options.entropy });
    this.linkChanged();
  }

  publish(key: string, publication: Publication): void {
    this.#keys.add(key);
    this.#machine.publish(key, publication, this.#options.clock.now());
    this.#schedule();
  }

  /** With goodbyes, which are on their way when the timers have run. */
  withdraw(key: string): void {
    this.#keys.delete(key);
    this.#machine.withdraw(key, this.#options.clock.now());
    this.#schedule();
  }

  forget(key: string): void {
    this.#keys.delete(key);
    this.#machine.forget(key);
    this.#schedule();
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
    return this.#channel ? undefined : pending('Starting', `opening mDNS on ${name}`);
  }

  /** Looks at the link again: gone, come back, another family, another interface under the same name. */
  linkChanged(): void {
    if (this.#closed) return;
    const link = this.#link();
    const up = link?.up === true;
    const turned = up !== this.#wasUp;
    this.#wasUp = up;
    if (link && up) {
      if (!this.#channel || this.#tried !== identityOf(link)) this.#open();
      if (turned && this.#wasThere) this.#carry(this.#machine.restart(this.#options.clock.now()));
      this.#wasThere = true;
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

  #open(): void {
    const link = this.#link();
    if (this.#opening || this.#closed || !link?.up) return;
    this.#opening = true;
    this.#tried = identityOf(link);
    this.#retryTimer?.cancel();
    this.#channel?.close();
    this.#channel = undefined;
    const { network, clock } = this.#options;
    openMdnsChannel({
      network,
      clock,
      link,
      onMessage: (message, from) => this.#carry(this.#machine.receive(message, from, clock.now())),
      onFailed: (error) => this.#failed(error),
    }).then(
      (channel) => this.#opened(channel),
      (error: unknown) => {
        this.#opening = false;
        this.#failed(error);
      },
    );
  }

  #opened(channel: MdnsChannel): void {
    this.#opening = false;
    if (this.#closed) {
      channel.close();
      return;
    }
    this.#channel = channel;
    // The link may have changed while the sockets were being opened.
    this.linkChanged();
    this.#problem = undefined;
    this.#retry = RETRY.first;
    this.#advance();
    this.#options.onChange(undefined);
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.#channel = undefined;
    this.#problem = messageOf(error);
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#options.clock.after(this.#retry, () => this.#open());
    this.#retry = Math.min(this.#retry * 2, RETRY.most);
    this.#schedule();
    this.#options.onChange(undefined);
  }

  #advance(): void {
    this.#carry(this.#machine.advance(this.#options.clock.now()));
  }

  #carry(outputs: readonly ResponderOutput[]): void {
    for (const output of outputs) if (output.kind === 'send') this.#channel?.send(output);
    this.#schedule();
    for (const output of outputs) if (output.kind === 'changed') this.#options.onChange(output.key);
  }

  /** While there is no channel the machine stands still: nothing is asked or said into the void. */
  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock, onIdle } = this.#options;
    const deadline = this.#machine.deadline();
    const speechless = !this.#channel && !this.#opening;
    if (this.#keys.size === 0 && (deadline === undefined || speechless)) {
      // Not from within a call of the owner.
      this.#timer = clock.after(0, onIdle);
    } else if (deadline !== undefined && this.#channel) {
      this.#timer = clock.after(Math.max(0, deadline - clock.now()), () => this.#advance());
    }
  }
}

function identityOf(link: Link): string {
  return `${link.index} ${familiesOf(link).join()}`;
}

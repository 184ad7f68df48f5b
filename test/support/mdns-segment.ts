/** A link in memory on which mDNS responder machines talk to each other and to the test, under simulated time. */
import type { Ip } from '../../src/model/ip.ts';
import { ip } from '../../src/model/ip.ts';
import type { Entropy, Milliseconds } from '../../src/model/time.ts';
import { decodeMessage, encodeMessage } from '../../src/protocols/mdns/codec.ts';
import { message, type Message, type Question, type ResourceRecord } from '../../src/protocols/mdns/message.ts';
import type { Publication } from '../../src/protocols/mdns/publication.ts';
import { Responder, type ResponderOutput } from '../../src/protocols/mdns/responder.ts';
import type { Source } from '../../src/protocols/mdns/source.ts';

/** Entropy that says what it is told: a number, or numbers in turn. */
export function fixedEntropy(...fractions: number[]): Entropy {
  let i = 0;
  return {
    bytes: (length) => new Uint8Array(length),
    fraction: () => fractions[i++ % fractions.length] ?? 0,
  };
}

export interface Sent {
  readonly at: Milliseconds;
  readonly from: string;
  readonly message: Message;
  readonly to?: Source;
}

export class Segment {
  now: Milliseconds = 0;
  readonly sent: Sent[] = [];
  readonly changes: { at: Milliseconds; host: string; key: string }[] = [];
  readonly #hosts = new Map<string, { responder: Responder; ip: Ip }>();
  /** Datagrams for which this says true never arrive at `host`. */
  lost: (sent: Sent, host: string) => boolean = () => false;

  host(name: string, address: string, entropy: Entropy = fixedEntropy(0)): Responder {
    const responder = new Responder({ entropy });
    this.#hosts.set(name, { responder, ip: ip(address) });
    return responder;
  }

  /** Switched off: says and hears nothing any more. */
  remove(name: string): void {
    this.#hosts.delete(name);
  }

  /** Lets `duration` pass. */
  run(duration: Milliseconds): void {
    const until = this.now + duration;
    for (let steps = 0; steps < 100_000; steps++) {
      const due = [...this.#hosts.entries()]
        .map(([name, { responder }]) => ({ name, responder, at: responder.deadline() ?? Number.POSITIVE_INFINITY }))
        .toSorted((a, b) => a.at - b.at)[0];
      if (!due || due.at > until) {
        this.now = until;
        return;
      }
      this.now = Math.max(this.now, due.at);
      this.#carry(due.name, due.responder.advance(this.now));
    }
    throw new Error('the machines never come to rest');
  }

  /** A message from a host that is no machine of ours. @returns what is sent because of it at once. */
  inject(received: Message, from: { ip: string; port?: number } = { ip: '10.77.0.50' }): Sent[] {
    const before = this.sent.length;
    const source: Source = { channel: 0, ip: ip(from.ip), port: from.port ?? 5353 };
    const copy = decodeMessage(encodeMessage(received));
    for (const [name, { responder }] of [...this.#hosts]) {
      this.#carry(name, responder.receive(copy, source, this.now));
    }
    return this.sent.slice(before);
  }

  /** Asks one question and lets `wait` pass. @returns everything sent meanwhile. */
  ask(
    name: string,
    type: Question['type'],
    options: { wait?: Milliseconds; unicast?: boolean; known?: ResourceRecord[]; port?: number; id?: number } = {},
  ): Sent[] {
    const before = this.sent.length;
    const questions = [{ name, type, unicast: options.unicast ?? false }];
    const query = message('query', { id: options.id ?? 0, questions, answers: options.known ?? [] });
    this.inject(query, { ip: '10.77.0.50', ...(options.port === undefined ? {} : { port: options.port }) });
    this.run(options.wait ?? 200);
    return this.sent.slice(before);
  }

  /** Everything sent from now on while `duration` passes. */
  during(duration: Milliseconds): Sent[] {
    const before = this.sent.length;
    this.run(duration);
    return this.sent.slice(before);
  }

  #carry(from: string, outputs: readonly ResponderOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'changed') {
        this.changes.push({ at: this.now, host: from, key: output.key });
        continue;
      }
      const { message: carried, to } = output;
      const sent: Sent = { at: this.now, from, message: carried, ...(to ? { to } : {}) };
      this.sent.push(sent);
      const own = this.#hosts.get(from);
      if (to || !own) continue;
      const copy = decodeMessage(encodeMessage(sent.message));
      for (const [name, { responder }] of [...this.#hosts]) {
        if (name === from || this.lost(sent, name)) continue;
        this.#carry(name, responder.receive(copy, { channel: 0, ip: own.ip, port: 5353 }, this.now));
      }
    }
  }
}

export function publication(parts: Partial<Publication> & { readonly address?: string } = {}): Publication {
  const { address = '10.77.0.101', ...rest } = parts;
  return {
    hosts: ['web.local'],
    addresses: [ip(address)],
    instance: 'web',
    services: [{ type: '_http._tcp', port: 80, txt: {} }],
    verified: [],
    ...rest,
  };
}

/** `type name` of records, for short expectations. */
export function brief(records: readonly ResourceRecord[]): string[] {
  return records.map((record) => `${record.type} ${record.name}`);
}

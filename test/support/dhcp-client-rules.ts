/** What no DHCP client may ever do, whatever happens to it and in whatever order: the same for either version. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { ClientOutput } from '../../src/protocols/dhcp-client/events.ts';
import { expiryOf } from '../../src/protocols/dhcp-client/lease-times.ts';
import type { Machine } from '../../src/protocols/dhcp-client/machine.ts';
import type { Design } from '../../src/protocols/dhcp-client/state.ts';

export type ClientEvent<A> =
  | { kind: 'start' | 'stop' | 'hurry' | 'reconnected' | 'resume' | 'release' | 'conflict' | 'abandon' }
  | { kind: 'pass'; delay: number }
  | { kind: 'reply'; answer: A };

export function clientEvents<A>(answer: fc.Arbitrary<A>): fc.Arbitrary<ClientEvent<A>[]> {
  const event: fc.Arbitrary<ClientEvent<A>> = fc.oneof(
    fc
      .constantFrom('start', 'stop', 'hurry', 'reconnected', 'resume', 'release', 'conflict', 'abandon')
      .map((kind): ClientEvent<A> => ({ kind })),
    fc.record({
      kind: fc.constant('pass' as const),
      delay: fc.constantFrom(0, 1, 100, 3000, 10_000, 100_000, 4_000_000),
    }),
    fc.record({ kind: fc.constant('reply' as const), answer }),
  );
  return fc.array(event, { maxLength: 60 });
}

export interface ClientFacts<D extends Design, A> {
  /** Of a lease from before. */
  readonly old: D['held']['terms'];
  /** The state in which one is asked about that may not be ours any more. */
  readonly resuming: string;
  readonly release: number;
  readonly decline: number;
  /** Whether DECLINE is said again until it is answered. */
  readonly repeatsDecline: boolean;
  typeOf(outgoing: D['outgoing']): number | undefined;
  reply(answer: A, transaction: number): D['reply'];
  /** What is to be true of every message, and of every lease. */
  sent(outgoing: D['outgoing'], transaction: number): void;
  bound?(lease: D['held']): void;
}

/** Gives the client these events, and looks after each. */
export function keepsToTheRules<D extends Design, A>(
  client: Machine<D>,
  events: readonly ClientEvent<A>[],
  facts: ClientFacts<D, A>,
): void {
  let now = 5_000_000;
  let silent = true;
  let held: D['held'] | undefined;
  const typesOf = (outputs: readonly ClientOutput<D>[]): (number | undefined)[] =>
    outputs.flatMap((output) => (output.kind === 'send' ? [facts.typeOf(output)] : []));
  const take = (outputs: readonly ClientOutput<D>[]): void => {
    for (const output of outputs) {
      if (output.kind === 'bound') {
        held = output.lease;
        facts.bound?.(output.lease);
      }
      if (output.kind === 'lost') held = undefined;
      if (output.kind !== 'send') continue;
      expect(silent, 'sent although it was stopped').toBe(false);
      facts.sent(output, client.transaction);
    }
    // A deadline is never in the past once its tick has been given.
    const due = client.deadline();
    if (due !== undefined) expect(due).toBeGreaterThanOrEqual(now);
    // The lease that it says it has is the one that was last granted, and is not over.
    if (client.lease !== undefined && client.state !== facts.resuming) {
      expect(client.lease).toBe(held);
      expect(expiryOf(client.lease)).toBeGreaterThanOrEqual(now);
    }
  };

  for (const each of events) {
    switch (each.kind) {
      case 'start':
        silent = false;
        held = client.state === 'DECLINING' ? held : undefined;
        take(client.handle({ kind: 'start' }, now));
        break;
      case 'resume': {
        silent = false;
        const lease = { terms: facts.old, since: now - 30_000 };
        held = lease;
        take(client.handle({ kind: 'resume', lease }, now));
        break;
      }
      case 'stop':
        take(client.handle({ kind: 'stop' }, now));
        silent = true;
        break;
      case 'abandon': {
        const granted = client.lease?.terms.ip;
        const outputs = client.handle({ kind: 'abandon' }, now);
        if (granted !== undefined) expect(typesOf(outputs)).toEqual([facts.release]);
        expect(typesOf(outputs).every((type) => type === facts.release)).toBe(true);
        take(outputs);
        silent = true;
        held = undefined;
        break;
      }
      case 'release':
      case 'conflict': {
        const lease = client.lease ?? { terms: facts.old, since: now };
        silent = false;
        const outputs = client.handle({ kind: each.kind, lease }, now);
        expect(typesOf(outputs)).toEqual([each.kind === 'release' ? facts.release : facts.decline]);
        take(outputs);
        silent = each.kind === 'release' || !facts.repeatsDecline;
        held = undefined;
        expect(client.lease).toBeUndefined();
        break;
      }
      case 'hurry':
      case 'reconnected':
        take(client.handle({ kind: each.kind }, now));
        break;
      case 'pass': {
        const end = now + each.delay;
        for (let ticks = 0; ; ticks++) {
          expect(ticks, 'ticks without end').toBeLessThan(10_000);
          const due = client.deadline();
          if (due === undefined || due > end) break;
          now = due;
          take(client.handle({ kind: 'tick' }, now));
          expect(client.deadline() ?? Infinity, 'asks for a tick at the same time again').toBeGreaterThan(now);
        }
        now = end;
        break;
      }
      case 'reply':
        take(client.handle({ kind: 'message', reply: facts.reply(each.answer, client.transaction) }, now));
    }
  }
}

import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/lab/apiserver/errors.ts';
import { decodeContinue, encodeContinue } from '../../../src/lab/apiserver/handlers/continue-token.ts';
import type { ApiObject } from '../../../src/lab/apiserver/object.ts';
import { parseFieldRequirements } from '../../../src/lab/apiserver/selectors/fields.ts';
import { parseLabelSelector } from '../../../src/lab/apiserver/selectors/labels.ts';
import { fileJournal, memoryJournal, type Journal } from '../../../src/lab/apiserver/storage/journal.ts';
import { Store } from '../../../src/lab/apiserver/storage/store.ts';

interface Step {
  readonly key: string;
  readonly value: number | undefined;
}

const steps = fc.array(
  fc.record({ key: fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2'), value: fc.option(fc.nat(9), { nil: undefined }) }),
  { maxLength: 60 },
);

function play(store: Store, history: readonly Step[], after: (store: Store) => void = () => undefined): void {
  for (const { key, value } of history) {
    const object: ApiObject = { apiVersion: 'v1', kind: 'Thing', metadata: { name: key }, value };
    if (value === undefined) store.delete('things', key);
    else store.put('things', key, object);
    after(store);
  }
}

const state = (store: Store, revision?: number): unknown[] =>
  (revision === undefined ? store.list('things') : store.listAt('things', '', revision)).map(({ object }) => [
    object.metadata.name,
    object['value'],
  ]);

describe('the store', () => {
  it('shows every earlier state that it remembers as it was, and forgets in order', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (history, historySize) => {
        const store = new Store(memoryJournal(), { historySize });
        const states = new Map<number, unknown[]>([[0, []]]);
        play(store, history, () => states.set(store.revision, state(store)));
        let forgotten = false;
        for (const [revision, expected] of [...states].toReversed()) {
          try {
            expect(state(store, revision)).toEqual(expected);
            expect(forgotten).toBe(false);
          } catch (error) {
            if (!(error instanceof ApiError)) throw error;
            forgotten = true;
          }
        }
        if (history.length <= historySize) expect(forgotten).toBe(false);
      }),
    );
  });

  it('tells by its changes how to get from any state to the present', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (history, from) => {
        const store = new Store(memoryJournal());
        play(store, history);
        const revision = from % (store.revision + 1);
        const copy = new Map(
          store.listAt('things', '', revision).map(({ object }) => [object.metadata.name, object['value']]),
        );
        for (const { key, deleted, stored, previous } of store.since('things', revision)) {
          expect(previous?.object['value']).toBe(copy.get(key));
          if (deleted) copy.delete(key);
          else copy.set(key, stored.object['value']);
        }
        expect([...copy].toSorted()).toEqual(state(store).toSorted());
      }),
    );
  });

  it('is after a restart what it was, at whatever point, with snapshots or without', () => {
    fc.assert(
      fc.property(steps, steps, fc.constantFrom(300, 2000, 1_000_000), (first, second, snapshotBytes) => {
        const directory = mkdtempSync(join(tmpdir(), 'kubevip-store-'));
        const open = (): Store => new Store(fileJournal(directory), { snapshotBytes });
        const plain: Journal = memoryJournal();
        const model = new Store(plain);
        try {
          for (const part of [first, second]) {
            const store = open();
            play(store, part);
            play(model, part);
            expect([state(store), store.revision]).toEqual([state(model), model.revision]);
            store.close();
          }
          const last = open();
          expect([state(last), last.revision]).toEqual([state(model), model.revision]);
          last.close();
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('texts of clients', () => {
  it('are tokens again, or refused', () => {
    fc.assert(
      fc.property(fc.nat(), fc.string(), (revision, after) => {
        expect(decodeContinue(encodeContinue({ revision, after }))).toEqual({ revision, after });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        refusedOrFine(() => decodeContinue(text));
      }),
    );
  });

  it('are selectors, or refused', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .array(fc.constantFrom('a', '=', '!=', ',', ' in ', '(', ')', '!', '\\', '>', '1'), { maxLength: 12 })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (selector) => {
        refusedOrFine(() => parseLabelSelector(selector)({ a: '1' }));
        refusedOrFine(() => parseFieldRequirements(selector));
      }),
      { numRuns: 1000 },
    );
  });
});

function refusedOrFine(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).code).toBe(400);
  }
}

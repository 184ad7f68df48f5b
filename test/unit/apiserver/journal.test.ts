import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileJournal } from '../../../src/lab/apiserver/storage/journal.ts';
import { Store } from '../../../src/lab/apiserver/storage/store.ts';
import type { ApiObject } from '../../../src/lab/apiserver/object.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kubevip-journal-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const object = (name: string, value = 0): ApiObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name }, value });
const state = (store: Store): [unknown, unknown][] =>
  store.list('things').map((stored) => [stored.object.metadata.name, stored.object['value']]);

describe('a store on files', () => {
  it('comes back as it was', () => {
    const first = new Store(fileJournal(directory));
    first.put('things', 'a', object('a', 1));
    first.put('things', 'b', object('b', 1));
    first.put('things', 'a', object('a', 2));
    first.delete('things', 'b');
    const { revision } = first;
    first.close();
    const second = new Store(fileJournal(directory));
    expect([state(second), second.revision]).toEqual([[['a', 2]], revision]);
    expect(second.get('things', 'a')?.object.metadata.resourceVersion).toBe('3');
    second.close();
  });

  it('remembers changes across a restart', () => {
    const first = new Store(fileJournal(directory));
    first.put('things', 'a', object('a', 1));
    first.put('things', 'a', object('a', 2));
    first.delete('things', 'a');
    first.close();
    const second = new Store(fileJournal(directory));
    expect(
      second
        .since('things', 1)
        .map(({ deleted, stored, previous }) => [deleted, stored.object['value'], previous?.object['value']]),
    ).toEqual([
      [false, 2, 1],
      [true, 2, 2],
    ]);
    second.close();
  });

  it('makes a snapshot when the log has grown, and forgets what was before it', () => {
    const first = new Store(fileJournal(directory), { snapshotBytes: 2000 });
    for (let i = 0; i < 100; i++) first.put('things', `k${i % 7}`, object(`k${i % 7}`, i));
    const expected = state(first);
    first.close();
    expect(existsSync(join(directory, 'snapshot.jsonl'))).toBe(true);
    expect(readFileSync(join(directory, 'log.jsonl')).length).toBeLessThan(2500);
    const second = new Store(fileJournal(directory));
    expect([state(second), second.revision]).toEqual([expected, 100]);
    expect(() => second.since('things', 1)).toThrow(/too old resource version: 1/);
    second.put('things', 'new', object('new'));
    expect(second.revision).toBe(101);
    second.close();
  });

  it('survives a crash between the snapshot and the end of the log it replaces', () => {
    const first = new Store(fileJournal(directory), { snapshotBytes: 1_000_000 });
    for (let i = 0; i < 10; i++) first.put('things', 'a', object('a', i));
    first.close();
    const log = readFileSync(join(directory, 'log.jsonl'), 'utf8');
    const last = log.trimEnd().split('\n').at(-1) ?? '';
    writeFileSync(join(directory, 'snapshot.jsonl'), `${JSON.stringify({ revision: 10 })}\n${last}\n`);
    const second = new Store(fileJournal(directory));
    expect([state(second), second.revision]).toEqual([[['a', 9]], 10]);
    second.close();
  });

  it('drops a line that was cut off at any byte, and nothing else', () => {
    const first = new Store(fileJournal(directory));
    first.put('things', 'a', object('a', 1));
    first.close();
    const file = join(directory, 'log.jsonl');
    const whole = readFileSync(file);
    const line = Buffer.from(`{"revision":2,"resource":"things","key":"ü","deleted":false,"object":{"metadata":{}}}`);
    for (let length = 1; length <= line.length; length += 7) {
      writeFileSync(file, Buffer.concat([whole, line.subarray(0, length)]));
      const store = new Store(fileJournal(directory));
      expect([state(store), store.revision]).toEqual([[['a', 1]], 1]);
      store.close();
    }
  });

  it('refuses a log that is damaged in the middle', () => {
    const first = new Store(fileJournal(directory));
    first.put('things', 'a', object('a', 1));
    first.close();
    appendFileSync(join(directory, 'log.jsonl'), 'damage\n{}\n');
    expect(() => new Store(fileJournal(directory))).toThrow(/line 2: not an entry of the log/);
  });
});

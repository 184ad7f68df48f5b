import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryKeeper } from '../../../src/agent/memory.ts';
import { Remembered } from '../../../src/agent/remembered.ts';
import { createStateFile } from '../../../src/linux/state-file.ts';
import { raisePriority } from '../../../src/linux/priority.ts';
import { off, ready } from '../../../src/model/decision.ts';
import { ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kubevip-memory-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const KEY = new Uint8Array(32).fill(5);
const MEMORY = {
  key: { key: KEY },
  peers: [ip('10.0.0.2')],
  wanted: [
    { ip: ip('10.0.0.200'), nodes: ['n1'], link: 'eth0' },
    { ip: ip('fd00::200'), leader: ip('10.0.0.200') },
  ],
};

describe('what an agent remembers', () => {
  const keeper = (clock = createFakeClock()) => {
    const errors: unknown[] = [];
    const file = createStateFile(join(folder, 'state'), 'services.json');
    return { clock, errors, file, memory: new MemoryKeeper({ file, clock, onError: (error) => errors.push(error) }) };
  };

  it('is what was kept, for its owner alone, with nothing beside it', async () => {
    const { memory, clock } = keeper();
    expect(memory.recall()).toBeUndefined();
    memory.keep(() => MEMORY);
    clock.advance(1000);
    await memory.stop();
    const path = join(folder, 'state', 'services.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'state')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'state'))).toEqual(['services.json']);
    expect(keeper(clock).memory.recall()).toEqual(MEMORY);
  });

  it('is on disk a second after it was new, one change after the other: the power may go in the next moment', async () => {
    const { memory, clock, file } = keeper();
    let last = '';
    const keeping = new MemoryKeeper({
      file: { ...file, write: (text) => Promise.resolve(void (last = text)) },
      clock,
      onError: (error) => expect.fail(String(error)),
    });
    let count = 1;
    keeping.keep(() => ({
      ...MEMORY,
      wanted: Array.from({ length: count }, (_, i) => ({ ip: ip(`10.0.0.${i + 1}`) })),
    }));
    for (; count < 100; count++) {
      keeping.changed();
      await clock.advanceAsync(50);
    }
    keeping.changed();
    await clock.advanceAsync(1000);
    expect(last).toContain('"10.0.0.100"');
    expect(memory.recall()).toBeUndefined();
  });

  it('is written rarely, however often something changes, and at the end', async () => {
    const { memory, clock, file } = keeper();
    let writes = 0;
    const counted = new MemoryKeeper({
      file: { ...file, write: () => Promise.resolve(void (writes += 1)) },
      clock,
      onError: (error) => expect.fail(String(error)),
    });
    let i = 0;
    counted.keep(() => ({ ...MEMORY, wanted: [{ ip: ip(`10.0.0.${i % 250}`) }] }));
    for (; i < 600; i++) {
      counted.changed();
      await clock.advanceAsync(100);
    }
    expect(writes).toBeLessThanOrEqual(34);
    counted.changed();
    const before = writes;
    await counted.stop();
    expect(writes).toBe(before + 1);
    expect(memory.recall()).toBeUndefined();
  });

  it.each([
    ['no JSON', '{'],
    ['of another version', JSON.stringify({ version: 2 })],
    [
      'with an address that is none',
      JSON.stringify({ version: 1, savedAt: '2026-01-01T00:00:00.000Z', peers: ['x'], wanted: [] }),
    ],
    ['too old', JSON.stringify({ version: 1, savedAt: '2025-01-01T00:00:00.000Z', peers: [], wanted: [] })],
  ])('is nothing when the file is %s', (_, text) => {
    writeFileSync(join(folder, 'services.json'), text);
    const memory = new MemoryKeeper({
      file: createStateFile(folder, 'services.json'),
      clock: createFakeClock(),
      onError: (error) => expect.fail(String(error)),
    });
    expect(memory.recall()).toBeUndefined();
  });

  it('holds nobody up while a disk is slow, and is written in order', async () => {
    const clock = createFakeClock();
    const log: string[] = [];
    const disk = Promise.withResolvers<undefined>();
    const memory = new MemoryKeeper({
      file: {
        read: () => undefined,
        write: async (text) => {
          log.push(`begins ${text.includes('10.0.0.1') ? 1 : 2}`);
          await disk.promise;
          log.push('ends');
        },
        remove: () => Promise.resolve(),
      },
      clock,
      onError: (error) => expect.fail(String(error)),
    });
    let address = ip('10.0.0.1');
    memory.keep(() => ({ peers: [], wanted: [{ ip: address }] }));
    await clock.advanceAsync(1000);
    address = ip('10.0.0.2');
    memory.changed();
    await clock.advanceAsync(60_000);
    expect(log).toEqual(['begins 1']);
    disk.resolve(undefined);
    await memory.stop();
    expect(log).toEqual(['begins 1', 'ends', 'begins 2', 'ends']);
  });

  it('says when it cannot be kept, and tries again', async () => {
    const { clock } = keeper();
    writeFileSync(join(folder, 'blocked'), '');
    const errors: unknown[] = [];
    const memory = new MemoryKeeper({
      file: createStateFile(join(folder, 'blocked'), 'services.json'),
      clock,
      onError: (error) => errors.push(error),
    });
    memory.keep(() => MEMORY);
    clock.advance(1000);
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    memory.changed();
    clock.advance(1000);
    await vi.waitFor(() => expect(errors).toHaveLength(2));
    expect(readFileSync(join(folder, 'blocked'), 'utf8')).toBe('');
  });
});

describe('addresses that are remembered', () => {
  it('are served by their owner without being defended, both families on one node, and given up if nobody wants them', () => {
    const log: string[] = [];
    let owner = 'n2';
    const asked: Record<string, readonly string[]> = {};
    const remembered = new Remembered({
      addresses: MEMORY.wanted,
      ownership: {
        ensure: (address, eligible) => {
          asked[address] = eligible;
          return ready({ node: owner, mine: owner === 'n1', since: '', term: 1 }, 'Owned', '');
        },
        release: (address) => {
          log.push(`disown ${address}`);
          return off('Released', '');
        },
        liveNodes: () => ['n1', 'n2'],
      },
      announcement: {
        ensure: ({ ip: address, link, onConflict }) => {
          log.push(`announce ${address} ${link ?? '-'} ${onConflict ?? ''}`);
          return ready({ link: 'eth0', since: '' }, 'Announced', '');
        },
        release: (address) => {
          log.push(`release ${address}`);
          return off('Released', '');
        },
        cede: (address) => {
          log.push(`cede ${address}`);
          return off('Ceded', '');
        },
      },
    });
    remembered.look();
    expect(asked).toEqual({ '10.0.0.200': ['n1'], 'fd00::200': ['n2'] });
    expect(new Set(log.splice(0))).toEqual(new Set(['cede 10.0.0.200', 'cede fd00::200']));
    owner = 'n1';
    remembered.look(ip('10.0.0.200'));
    expect(log.splice(0)).toEqual(['announce 10.0.0.200 eth0 yield', 'announce fd00::200 - yield']);
    remembered.end((address) => address === '10.0.0.200');
    expect(log).toEqual(['release fd00::200', 'disown fd00::200']);
    expect(remembered.has(ip('10.0.0.200'))).toBe(false);
  });
});

describe('a place before other programs', () => {
  it('is had, or the kernel’s reason is told: nothing is thrown', () => {
    const priority = raisePriority();
    expect(['real-time', 'nice', 'none']).toContain(priority.kind);
    if (priority.kind !== 'real-time') expect(priority.why).toMatch(/^E[A-Z]+$/);
  });
});

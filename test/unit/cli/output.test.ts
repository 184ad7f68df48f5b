import { afterEach, describe, expect, it, vi } from 'vitest';
import { errorEnvelope, successEnvelope, wantsJson } from '../../../src/cli/envelope.ts';
import { exitOf, renderError, shownError } from '../../../src/cli/errors.ts';
import { wantsColor } from '../../../src/cli/paint.ts';
import { createProgress } from '../../../src/cli/progress.ts';
import { confirm } from '../../../src/cli/prompts.ts';
import { age, renderTable, shortDuration, type Column } from '../../../src/cli/table.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import { done, stageStep, warning } from '../../../src/workflows/steps.ts';

describe('tables', () => {
  it('look like kubectl’s, with a dash where there is nothing', () => {
    const rows = [
      { name: 'web', ip: '10.77.0.101' },
      { name: 'a-longer-name', ip: '' },
    ];
    const columns: Column<(typeof rows)[number]>[] = [
      { header: 'name', value: ({ name }) => name },
      { header: 'address', value: ({ ip }) => ip },
    ];
    expect(renderTable(columns, rows)).toBe('NAME            ADDRESS\nweb             10.77.0.101\na-longer-name   -');
    expect(renderTable(columns, [])).toBe('NAME   ADDRESS');
  });

  it('shortens times as kubectl does', () => {
    const shown = [0, 119, 120, 125, 600, 10_799, 10_800, 172_800].map(shortDuration);
    expect(shown).toEqual(['0s', '119s', '2m', '2m5s', '10m', '179m', '3h', '2d']);
    expect(age(undefined, new Date())).toBe('-');
    expect(age('2026-01-01T00:00:05Z', new Date('2026-01-01T00:00:00Z'))).toBe('0s');
  });
});

describe('errors', () => {
  it('say what, which code, and what to do', () => {
    const error = new KubevipError('no gateway answered', { code: 'NO_GATEWAY', hints: ['switch UPnP on'] });
    const shown = shownError(error);
    expect(shown && renderError(shown, false)).toBe(
      'Error: no gateway answered\nCode: NO_GATEWAY\nTry this:\n  * switch UPnP on',
    );
    expect(exitOf(error)).toBe(1);
  });

  it('of ours are 70, with a stack and a line to report them', () => {
    const shown = shownError(new TypeError('x is undefined'));
    expect(shown).toMatchObject({ exit: 70, code: 'BUG' });
    expect(shown?.stack).toContain('TypeError');
    expect(shown?.hints[0]).toMatch(/report/);
  });

  it('of the grammar are 2, and Ctrl-C in a prompt is 130', () => {
    const grammar = Object.assign(new Error('Nonexistent flag: --x\nSee more help with --help'), {
      oclif: { exit: 2 },
    });
    expect(shownError(grammar)).toMatchObject({ message: 'Nonexistent flag: --x', exit: 2, code: 'USAGE' });
    const prompt = Object.assign(new Error('closed'), { name: 'ExitPromptError' });
    expect(exitOf(prompt)).toBe(130);
    expect(shownError(Object.assign(new Error('EEXIT: 0'), { code: 'EEXIT', oclif: { exit: 0 } }))).toBeUndefined();
  });

  it('as JSON carry what was reached', () => {
    const error = Object.assign(new KubevipError('no', { code: 'PARTIAL', exit: 6 }), {
      result: { addresses: ['10.77.0.101'] },
    });
    const shown = shownError(error);
    expect(shown && errorEnvelope(shown)).toEqual({
      version: 1,
      ok: false,
      error: { code: 'PARTIAL', message: 'no', exit: 6, hints: [], result: { addresses: ['10.77.0.101'] } },
    });
    expect(successEnvelope([], ['careful'])).toEqual({ version: 1, ok: true, result: [], warnings: ['careful'] });
    expect([wantsJson(['a', '--json']), wantsJson(['a', '--', '--json'])]).toEqual([true, false]);
  });
});

it('colours only where somebody sees them', () => {
  expect(wantsColor({ isTTY: true }, {})).toBe(true);
  expect(wantsColor({ isTTY: true }, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
  expect(wantsColor({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
  expect(wantsColor({}, {})).toBe(false);
  expect(wantsColor({}, { FORCE_COLOR: '1' })).toBe(true);
});

describe('progress', () => {
  afterEach(() => vi.useRealTimers());

  const steps = [
    done('Service default/web created'),
    stageStep('address', 'waiting', 'WaitingForAgent', 'no agent has said anything yet'),
    stageStep('address', 'waiting', 'Requesting', 'asking the DHCP server'),
    stageStep('address', 'ready', 'AddressAssigned', '10.77.0.101'),
    warning('ConfigMap kubevip, key x: bad'),
  ];

  it('is plain lines without a terminal', () => {
    let text = '';
    const progress = createProgress({ write: (part) => (text += part), live: false, color: false });
    for (const step of [...steps, steps[3] ?? done('')]) progress.step(step);
    progress.close();
    expect(text).toBe(
      'Service default/web created\naddress: waiting: asking the DHCP server\naddress: ready: 10.77.0.101\nWarning: ConfigMap kubevip, key x: bad\n',
    );
  });

  it('is redrawn in place on a terminal, never wider than it', () => {
    vi.useFakeTimers();
    let text = '';
    const progress = createProgress({ write: (part) => (text += part), live: true, color: false, width: 40 });
    for (const step of steps) progress.step(step);
    progress.step(stageStep('owner', 'waiting', 'x', 'm'.repeat(100)));
    vi.advanceTimersByTime(200);
    progress.close();
    const last = text.slice(text.lastIndexOf('\x1b[J') + 3);
    expect(last).toMatch(/^✔ address {6}10\.77\.0\.101\n. owner {8}m+…\n$/u);
    for (const line of text.split('\n')) expect(line.replace(/\x1b\[\d*[AJ]/g, '').length).toBeLessThanOrEqual(40);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it('asks nobody without a terminal', async () => {
  await expect(confirm('Sure?', { interactive: false, yes: false })).resolves.toBeUndefined();
});

import { describe, expect, it } from 'vitest';
import { Reporter } from '../../../src/exposure/status/reporter.ts';
import type { ServicePatch } from '../../../src/exposure/status/port.ts';
import { KEY } from '../../../src/model/annotations.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { service } from '../../support/exposure.ts';

const WEB = service('web');
const saying = (text: string): ServicePatch => ({ annotations: { text } });

interface Bench {
  readonly clock: FakeClock;
  readonly reporter: Reporter;
  /** Begun writes, in order. */
  readonly writes: { readonly patch: ServicePatch; readonly signal: AbortSignal; end(): void }[];
  readonly texts: () => (string | undefined)[];
}

function bench(): Bench {
  const clock = createFakeClock();
  const writes: Bench['writes'] = [];
  const reporter = new Reporter({
    clock,
    events: { record: () => undefined },
    onError: () => undefined,
    onChange: () => undefined,
    writer: {
      patch: (_service, patch, signal = new AbortController().signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
          writes.push({ patch, signal, end: resolve });
        }),
    },
  });
  return { clock, reporter, writes, texts: () => writes.map(({ patch }) => patch.annotations?.['text']) };
}

describe('a report', () => {
  it('that has time is written when its time is up', async () => {
    const { clock, reporter, texts } = bench();
    reporter.report(WEB, saying('choosing'), 1000);
    await clock.advanceAsync(999);
    expect(texts()).toEqual([]);
    await clock.advanceAsync(1);
    expect(texts()).toEqual(['choosing']);
  });

  it('that has time is never written when something more urgent comes in', async () => {
    const { clock, reporter, texts } = bench();
    reporter.report(WEB, saying('choosing'), 1000);
    reporter.report(WEB, saying('owned'));
    await clock.advanceAsync(5000);
    expect(texts()).toEqual(['owned']);
  });

  it('that has time does not follow on the heels of the write before', async () => {
    const { clock, reporter, writes, texts } = bench();
    reporter.report(WEB, saying('first'));
    reporter.report(WEB, saying('choosing'), 1000);
    writes[0]?.end();
    await clock.advanceAsync(500);
    expect(texts()).toEqual(['first']);
    await clock.advanceAsync(500);
    expect(texts()).toEqual(['first', 'choosing']);
  });

  it('is dropped, under way or not, once another agent writes', async () => {
    const { clock, reporter, writes, texts } = bench();
    reporter.report(WEB, saying('first'));
    reporter.report(WEB, saying('second'));
    reporter.cede('default/web');
    expect(writes[0]?.signal.aborted).toBe(true);
    await clock.advanceAsync(60_000);
    expect(texts()).toEqual(['first']);
  });

  it('about a version on which the address was written waits until that is seen', async () => {
    const { clock, reporter, writes, texts } = bench();
    reporter.report(WEB, { annotations: { [KEY.assigned]: '{}', text: 'given' } });
    writes[0]?.end();
    await clock.advanceAsync(10);
    reporter.report(WEB, saying('no address yet'));
    await clock.advanceAsync(10);
    expect(texts()).toEqual(['given']);
    reporter.report({ ...WEB, metadata: { ...WEB.metadata, resourceVersion: '2' } }, saying('owned'));
    expect(texts()).toEqual(['given', 'owned']);
  });

  it('that was dropped is written after all when it is decided again', async () => {
    const { clock, reporter, texts } = bench();
    const given = { annotations: { [KEY.assigned]: '{}', text: 'given' } };
    reporter.report(WEB, given);
    reporter.cede('default/web');
    await clock.advanceAsync(10);
    reporter.report(WEB, given);
    expect(texts()).toEqual(['given', 'given']);
  });
});

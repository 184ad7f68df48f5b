import { describe, expect, it } from 'vitest';
import { ApiGate } from '../../../src/exposure/control-plane/api-gate.ts';
import { failed, ready, type Decision } from '../../../src/model/decision.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const UP = ready(undefined, 'ApiServerReady', 'ready');
const DOWN = failed('ApiServerDown', 'down');

function world(first: Decision = DOWN) {
  const clock = createFakeClock();
  const now = { answer: first, others: 'ready' as 'ready' | 'none' | 'unknown', holding: false };
  let [asked, askedOthers, changes] = [0, 0, 0];
  const gate = new ApiGate({
    clock,
    period: 1000,
    threshold: 3,
    local: { check: () => Promise.resolve((asked++, now.answer)) },
    others: { anyReady: () => Promise.resolve((askedOthers++, now.others)) },
    isHolding: () => now.holding,
    onChange: () => changes++,
  });
  gate.start();
  return { clock, gate, now, counts: () => ({ asked, askedOthers, changes }) };
}

describe('the health of this node’s API server', () => {
  it('is bad until it once was good, and good at the first answer', async () => {
    const { clock, gate, now, counts } = world();
    expect(gate.state.reason).toBe('ApiServerNotAsked');
    await clock.advanceAsync(10_000);
    expect(gate.state.state).toBe('failed');
    expect(counts()).toMatchObject({ changes: 1, askedOthers: 0 });
    now.answer = UP;
    await clock.advanceAsync(1000);
    expect(gate.state.state).toBe('ready');
  });

  it('is bad after the third failure in a row, and not before', async () => {
    const { clock, gate, now } = world(UP);
    await clock.advanceAsync(500);
    now.answer = DOWN;
    await clock.advanceAsync(2000);
    expect(gate.state.state).toBe('ready');
    await clock.advanceAsync(1000);
    expect(gate.state.state).toBe('failed');
  });

  it.each([
    ['none', true],
    ['ready', false],
    ['unknown', false],
  ] as const)('with the others %s it is the last one: %s', async (others, last) => {
    const { clock, gate, now } = world(UP);
    await clock.advanceAsync(500);
    Object.assign(now, { answer: DOWN, others, holding: true });
    await clock.advanceAsync(4000);
    expect(gate.isLast).toBe(last);
    now.answer = UP;
    await clock.advanceAsync(1000);
    expect(gate.isLast).toBe(false);
  });

  it('is asked about no more after the end', async () => {
    const { clock, gate, counts } = world(UP);
    await clock.advanceAsync(2500);
    gate.stop();
    const { asked } = counts();
    await clock.advanceAsync(10_000);
    expect(counts().asked).toBe(asked);
  });
});

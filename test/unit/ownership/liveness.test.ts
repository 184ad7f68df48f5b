import { describe, expect, it } from 'vitest';
import { NodeLiveness } from '../../../src/exposure/ownership/liveness.ts';
import type { Lease } from '../../../src/model/kubernetes.ts';

const presence = (renewTime: string, holderIdentity = 'b'): Lease => ({
  metadata: { name: 'kubevip-node-b' },
  spec: { holderIdentity, renewTime, leaseDurationSeconds: 5 },
});

describe('liveness of nodes', () => {
  it('counts this node always', () => {
    expect(new NodeLiveness('a', 5000).live()).toEqual(['a']);
  });

  it('suspects a node that was not renewed for its time, and buries it when a fresh read agrees', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    liveness.observe('b', presence('2'), 1000);
    liveness.observe('b', presence('2'), 3000); // another field changed: no sign of life
    expect(liveness.deadline()).toBe(6000);
    expect(liveness.suspects(5999)).toEqual([]);
    expect(liveness.suspects(6000)).toEqual(['b']);
    expect(liveness.live()).toEqual(['a', 'b']);
    liveness.verified('b', presence('2'), 6005);
    expect(liveness.live()).toEqual(['a']);
    expect(liveness.deadline()).toBeUndefined();
  });

  it('gives a node its time again that could not be asked about: the API server was away for it, too', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    liveness.unverified('b', 6000);
    liveness.verified('b', presence('1'), 60_000);
    expect(liveness.live()).toEqual(['a', 'b']);
    expect(liveness.deadline()).toBe(65_000);
    liveness.verified('b', presence('1'), 65_000);
    expect(liveness.live()).toEqual(['a']);
  });

  it('does not give it twice for a question that was older than the last news', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    liveness.observe('b', presence('2'), 6000);
    liveness.unverified('b', 6001);
    liveness.verified('b', presence('2'), 11_000);
    expect(liveness.live()).toEqual(['a']);
  });

  it('believes a fresh read more than its own watch', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    liveness.verified('b', presence('7'), 5000);
    expect([liveness.live(), liveness.deadline()]).toEqual([['a', 'b'], 10_000]);
  });

  it('sees at once that a node has left or come back', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    liveness.observe('b', presence('2', ''), 10);
    liveness.observe('b', undefined, 11);
    expect(liveness.live()).toEqual(['a']);
    liveness.observe('b', presence('3'), 20);
    expect(liveness.live()).toEqual(['a', 'b']);
  });

  it('gives an agent whose Lease was deleted the time it believes it has', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    liveness.observe('b', undefined, 100);
    expect(liveness.live()).toEqual(['a', 'b']);
    expect(liveness.suspects(5000)).toEqual(['b']);
    liveness.verified('b', undefined, 5001);
    expect(liveness.live()).toEqual(['a']);
  });

  it('lets a node that is seen at work have its time again', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.signOfLife('ghost', 100);
    expect(liveness.isLive('ghost')).toBe(true);
    expect(liveness.suspects(1100)).toEqual(['ghost']);
    liveness.verified('ghost', undefined, 1101);
    expect(liveness.isLive('ghost')).toBe(false);
    liveness.signOfLife('ghost', 2000);
    expect([liveness.isLive('ghost'), liveness.deadline()]).toEqual([true, 3000]);
  });

  it('does not believe a read that was sent before a sign of life', () => {
    const liveness = new NodeLiveness('a', 1000);
    liveness.observe('b', presence('1'), 0);
    expect(liveness.suspects(5000)).toEqual(['b']);
    liveness.signOfLife('b', 5001);
    liveness.verified('b', presence('1'), 5002);
    expect([liveness.isLive('b'), liveness.deadline()]).toEqual([true, 10_001]);
  });

  it('calls a dead node lost until its Lease is buried', () => {
    const liveness = new NodeLiveness('a', 5000);
    liveness.observe('b', presence('1'), 0);
    liveness.verified('b', presence('1'), 6000);
    expect([liveness.live(), liveness.lost()]).toEqual([['a'], ['b']]);
    liveness.observe('b', undefined, 7000);
    expect([liveness.lost(), liveness.passing('b')]).toEqual([[], undefined]);
    liveness.observe('b', presence('2'), 8000);
    expect(liveness.live()).toEqual(['a', 'b']);
  });
});

import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../../../src/exposure/ownership/decide.ts';
import { rankNodes } from '../../../src/exposure/ownership/rendezvous.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Lease } from '../../../src/model/kubernetes.ts';

const address = ip('10.0.0.5');
const NODES = ['a', 'b', 'c'];
const [first = '', second = '', third = ''] = rankNodes(address, NODES);
const heldBy = (holderIdentity: string): Lease => ({
  metadata: { name: 'kubevip-10-0-0-5' },
  spec: { holderIdentity },
});
const situation = (change: Partial<Situation>): Situation => ({
  address,
  node: first,
  present: true,
  demand: 'wanted',
  eligible: NODES,
  live: NODES,
  lease: undefined,
  held: false,
  contendingSince: undefined,
  step: 150,
  now: 1000,
  ...change,
});

describe('what to do about an address', () => {
  it('the best candidate takes a free one at once, the others let it go first', () => {
    expect(decide(situation({}))).toEqual({ do: 'take' });
    expect(decide(situation({ lease: heldBy('') }))).toEqual({ do: 'take' });
    expect(decide(situation({ node: second }))).toEqual({ do: 'wait', until: 1150 });
    expect(decide(situation({ node: third, contendingSince: 900 }))).toEqual({ do: 'wait', until: 1200 });
    expect(decide(situation({ node: second, contendingSince: 850 }))).toEqual({ do: 'take' });
  });

  it('whoever holds it keeps it, however good the others are', () => {
    expect(decide(situation({ lease: heldBy(third) }))).toEqual({ do: 'nothing' });
    expect(decide(situation({ node: third, lease: heldBy(third), held: true }))).toEqual({ do: 'nothing' });
  });

  it('what stands in our name from before is confirmed first', () => {
    expect(decide(situation({ node: third, lease: heldBy(third), held: false }))).toEqual({ do: 'take' });
  });

  it('the address of a dead node goes to the best of the living', () => {
    const live = [second, third];
    expect(decide(situation({ node: second, live, lease: heldBy(first) }))).toEqual({ do: 'take' });
    expect(decide(situation({ node: third, live, lease: heldBy(first) }))).toEqual({ do: 'wait', until: 1150 });
  });

  it('only an eligible node contends, and one that is not lets go', () => {
    expect(decide(situation({ eligible: [second] }))).toEqual({ do: 'nothing' });
    expect(decide(situation({ eligible: [second], lease: heldBy(first), held: true }))).toEqual({ do: 'give' });
    expect(decide(situation({ node: second, eligible: [second, third] }))).toEqual({ do: 'take' });
  });

  it('nothing is done while our own presence does not stand', () => {
    for (const lease of [undefined, heldBy(''), heldBy(first), heldBy('dead')]) {
      expect(decide(situation({ present: false, lease }))).toEqual({ do: 'nothing' });
    }
  });

  it('an address that nobody wants is cleared away by its holder, or by one of the living', () => {
    const released = { demand: 'released', eligible: [] } as const;
    expect(decide(situation({ ...released, lease: heldBy(first), held: true }))).toEqual({ do: 'remove' });
    expect(decide(situation({ ...released, lease: heldBy(second) }))).toEqual({ do: 'nothing' });
    expect(decide(situation({ ...released, lease: heldBy('dead') }))).toEqual({ do: 'remove' });
    expect(decide(situation({ ...released, node: second, lease: heldBy('dead') }))).toEqual({ do: 'nothing' });
    expect(decide(situation({ ...released }))).toEqual({ do: 'nothing' });
  });

  it('an address of which nothing is known yet is left alone', () => {
    for (const lease of [undefined, heldBy(''), heldBy(first), heldBy('dead')]) {
      expect(decide(situation({ demand: 'unknown', eligible: [], lease }))).toEqual({ do: 'nothing' });
    }
  });
});

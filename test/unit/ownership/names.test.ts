import { describe, expect, it } from 'vitest';
import { addressOf, leaseNameOf, nodeOf, presenceNameOf } from '../../../src/exposure/ownership/names.ts';
import { ip } from '../../../src/model/ip.ts';

describe('names of Leases', () => {
  it.each([
    ['10.0.0.5', 'kubevip-10-0-0-5'],
    ['fd00::1', 'kubevip-fd00-0-0-0-0-0-0-1'],
    ['fd00::', 'kubevip-fd00-0-0-0-0-0-0-0'],
    ['::1', 'kubevip-0-0-0-0-0-0-0-1'],
  ])('%s is %s, a DNS label that leads back to it', (text, name) => {
    const address = ip(text);
    expect(leaseNameOf(address)).toBe(name);
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    expect(addressOf({ metadata: { name, annotations: { 'kubevip.dev/address': text } } })).toBe(text);
  });

  it('does not take any Lease with an annotation for one of ours', () => {
    expect(addressOf({ metadata: { name: 'x', annotations: { 'kubevip.dev/address': '10.0.0.5' } } })).toBeUndefined();
    expect(addressOf({ metadata: { name: 'kubevip-10-0-0-5' } })).toBeUndefined();
  });

  it('knows a presence by its name', () => {
    expect(nodeOf(presenceNameOf('n1'))).toBe('n1');
    expect(nodeOf('kubevip-10-0-0-5')).toBeUndefined();
  });
});

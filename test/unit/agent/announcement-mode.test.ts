import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/agent/config.ts';

const modeOf = (env: Record<string, string>) => readConfig(env, 'n1').mode;
const OWNER = { services: 'owner', controlPlane: 'owner' };
const EVERY = { services: 'every-node', controlPlane: 'every-node' };

describe('how addresses are announced', () => {
  it.each([
    [{}, { kind: 'arp', reach: OWNER }],
    [
      { vip_arp: 'true', vip_leaderelection: 'false' },
      { kind: 'arp', reach: OWNER },
    ],
    [
      { vip_arp: 'false', bgp_enable: 'true' },
      { kind: 'bgp', reach: EVERY },
    ],
    [
      { bgp_enable: 'true', vip_leaderelection: 'true' },
      { kind: 'bgp', reach: OWNER },
    ],
    [
      { bgp_enable: 'true', svc_election: 'true' },
      { kind: 'bgp', reach: { ...EVERY, services: 'owner' } },
    ],
    [{ vip_routingtable: 'true' }, { kind: 'routing-table', reach: EVERY }],
    [{ vip_wireguard: 'true' }, { kind: 'wireguard', reach: OWNER }],
  ])('%j', (env, mode) => expect(modeOf(env)).toEqual(mode));

  it('is one way, not two and not none', () => {
    expect(() => modeOf({ vip_arp: 'true', bgp_enable: 'true' })).toThrow(/vip_arp and bgp_enable are both true/);
    expect(() => modeOf({ bgp_enable: 'true', vip_routingtable: 'true' })).toThrow(/announces in one way/);
    expect(() => modeOf({ vip_arp: 'false' })).toThrow(/no other way .* set one of vip_arp, bgp_enable, vip_routing/);
  });
});

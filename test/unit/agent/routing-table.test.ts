import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/agent/config.ts';

const read = (env: Readonly<Record<string, string>> = {}) => readConfig({ vip_routingtable: 'true', ...env }, 'n1');

describe('the settings of routing-table mode', () => {
  it('are kube-vip’s, with its defaults', () => {
    expect(read()).toMatchObject({
      mode: { kind: 'routing-table', reach: { services: 'every-node', controlPlane: 'every-node' } },
      routingTable: { table: 198, protocol: 248, type: 1, cleansStrangers: false },
    });
    const env = {
      vip_routingtableid: '1000',
      vip_routingprotocol: '60',
      vip_routingtabletype: '6',
      vip_cleanroutingtable: 'true',
    };
    expect(read(env).routingTable).toEqual({ table: 1000, protocol: 60, type: 6, cleansStrangers: true });
  });

  it.each([
    [{ vip_routingtableid: '0' }, /vip_routingtableid/],
    [{ vip_routingtableid: 'main' }, /vip_routingtableid/],
    [{ vip_routingprotocol: '256' }, /vip_routingprotocol/],
    [{ vip_routingtabletype: '3' }, /vip_routingtabletype: 3 is no type .*1 \(unicast\)/],
  ])('refuse %o by name', (env, message) => {
    expect(() => read(env)).toThrow(message);
  });
});

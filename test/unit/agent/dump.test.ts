import { describe, expect, it } from 'vitest';
import { readConfig, SETTINGS } from '../../../src/agent/config.ts';
import { settingsSection, writeDump } from '../../../src/agent/dump.ts';

describe('a dump', () => {
  it('has a head, sections and an end, as kube-vip’s', () => {
    const text = writeDump({ node: 'n1', version: '1.0', pid: 7, now: new Date(0) }, [
      { title: 'A', lines: ['one', 'two'] },
      { title: 'B', lines: [] },
    ]);
    expect(text).toMatch(
      /KUBEVIP CONFIGURATION DUMP\n=+\nTimestamp: 1970-01-01T00:00:00.000Z\nNode Name: n1\nProcess ID: 7\n/,
    );
    expect(text).toMatch(/--- A ---\none\ntwo\n\n--- B ---\nnone\n/);
    expect(text).toMatch(/END OF CONFIGURATION DUMP\n=+\n$/);
  });

  it('shows the settings in force, and no secret', () => {
    const secrets = { bgp_peerpass: 'hush', bgp_peers: '10.0.0.1:65001:hush:false' };
    const { lines } = settingsSection({ ...SETTINGS.parse({ vip_interface: 'eth7' }), ...secrets });
    expect(lines).toContain('vip_interface: eth7');
    expect(lines).toContain('bgp_peers: (set, not shown)');
    expect(lines.join('\n')).not.toContain('hush');
    expect(readConfig({}, 'n1').node).toBe('n1');
  });
});

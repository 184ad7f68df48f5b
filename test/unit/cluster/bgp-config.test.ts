import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { bgpOf, deathNotice } from '../../../src/cluster/bgp-config.ts';
import { parseBootstrapConfig, type BootstrapConfig, type BootstrapConfigInput } from '../../../src/cluster/config.ts';
import { clusterRecord, servicesObjects, staticPodText } from '../../../src/cluster/objects.ts';
import type { PodManifest } from '../../../src/manifests/objects.ts';

function config(more: BootstrapConfigInput['controlPlane'] = {}): BootstrapConfig {
  const controlPlane = { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'], ...more };
  return parseBootstrapConfig({ controlPlane }, 'init', { name: 'the test' });
}

describe('how a cluster announces by BGP', () => {
  it.each([
    ['a third of the hold time is between signs of life', { bgpHoldTime: 9 }, { holdTime: 9, keepalive: 3 }],
    ['a second at least', { bgpHoldTime: 3 }, { holdTime: 3, keepalive: 1 }],
    ['or what is said', { bgpHoldTime: 9, bgpKeepalive: 2 }, { holdTime: 9, keepalive: 2 }],
    ['also beside the usual hold time', { bgpKeepalive: 2 }, { holdTime: 30, keepalive: 2 }],
    ['no end of silence', { bgpHoldTime: 0 }, { holdTime: 0, keepalive: 10 }],
  ])('%s', (_what, given, times) => {
    expect(bgpOf(config(given))).toEqual({ as: 65_000, peers: ['10.0.0.1:65001'], ...times });
  });

  it('is told to agents by their own settings, and to a DaemonSet nothing of one machine', () => {
    const given = config({ bgpHoldTime: 9, bgpBfd: '300x3', bgpSourceIp: '10.0.0.11', bgpRouterId: '10.0.0.11' });
    const common = {
      bgp_as: '65000',
      bgp_hold_time: '9',
      bgp_keepalive_interval: '3',
      kubevip_bgp_bfd: '300x3',
    };
    const pod = parse(staticPodText(given)) as PodManifest;
    const daemons = servicesObjects(given).find(({ kind }) => kind === 'DaemonSet') as unknown as {
      spec: { template: PodManifest };
    };
    const [own, all] = [pod, daemons.spec.template].map(({ spec }) =>
      Object.fromEntries((spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value])),
    );
    expect(own).toMatchObject({ ...common, bgp_sourceip: '10.0.0.11', bgp_routerid: '10.0.0.11' });
    expect(all).toMatchObject(common);
    expect(Object.keys(all ?? {})).not.toContain('bgp_sourceip');
    expect(Object.keys(all ?? {})).not.toContain('bgp_routerid');
  });

  it('is inherited by machines that join, but for what is of one machine, and nothing else is theirs to say', () => {
    const given = config({ bgpHoldTime: 9, bgpPasswordFile: '/root/password', bgpRouterId: '10.0.0.11' });
    const { controlPlane } = parse(clusterRecord(given).data.config) as { controlPlane: object };
    expect(controlPlane).toMatchObject({ bgpHoldTime: 9, bgpPasswordFile: '/root/password', bgpBfd: null });
    expect(Object.keys(controlPlane)).not.toContain('bgpRouterId');
  });
});

describe('what is said of a node that dies', () => {
  it.each([
    [{}, /for up to 30 s.*--bgp-bfd 300x3 makes that 0\.9 s/],
    [{ bgpHoldTime: 9 }, /for up to 9 s/],
    [{ bgpHoldTime: 0 }, /until it is back.*--bgp-bfd/],
    [{ bgpBfd: '50x3' }, /for 0\.15 s by routers that speak BFD too, and for up to 30 s \(the hold time\) by others/],
    [{ bgpPeers: ['10.0.0.1:65001:::::true;300;400;3'] }, /for 1\.2 s by routers/],
    // One router without it decides.
    [{ bgpPeers: ['10.0.0.1:65001:::::true;300;300;3', '10.0.0.2:65001'] }, /for up to 30 s.*--bgp-bfd/],
    [{ bgpBfd: '300x3', bgpPeers: ['10.0.0.1:65001:::::false;;;', '10.0.0.2:65001'] }, /for up to 30 s.*--bgp-bfd/],
  ])('%j', (given, notice) => expect(deathNotice(config(given))).toMatch(notice));
});

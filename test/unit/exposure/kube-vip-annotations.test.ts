import { describe, expect, it } from 'vitest';
import { KEY } from '../../../src/model/annotations.ts';
import { OTHER_ANNOTATIONS, refusedAnnotations } from '../../../src/model/kube-vip-annotations.ts';

/** Of Services, in kube-vip 1.2.3. */
const KUBE_VIP = [
  ...['loadbalancerIPs', 'ignore', 'loadbalancerHostname', 'hwaddr', 'requestedIP', 'macvlanName', 'dhcp-broadcast'],
  ...['rp_filter', 'ddns', 'serviceInterface', 'serviceVLAN', 'ignore-service-security', 'forwardUPNP'],
  ...['upnp-lease-duration', 'leaseName', 'forcePerServiceElection', 'allow-reconcile-without-endpoints', 'egress'],
  ...['egress-internal', 'egress-ipv6', 'egress-destination-ports', 'egress-source-ports', 'egress-allowed-networks'],
  ...['egress-denied-networks', 'egress-no-internal-traffic', 'egress-detect-api-server', 'flush-conntrack', 'vipHost'],
  ...['active-endpoint', 'active-endpoint-ipv6', 'egress-nftables-table'],
].map((name) => `kube-vip.io/${name}`);

describe('kube-vip’s annotations', () => {
  it('are each among ours, or spoken of', () => {
    const known = [...Object.values(KEY), ...Object.keys(OTHER_ANNOTATIONS)].filter((key) =>
      key.startsWith('kube-vip.io/'),
    );
    expect(known.sort()).toEqual(KUBE_VIP.sort());
  });

  it('that are not followed are named together by reason, and no others', () => {
    const annotations = {
      'kube-vip.io/egress-ipv6': 'true',
      'development.kube-vip.io/synthetic-api-server-error-on-update': 'true',
      'kube-vip.io/active-endpoint': '10.0.0.1',
      'kube-vip.io/macvlanName': 'shared',
      'kube-vip.io/leaseName': 'common',
      'kube-vip.io/loadbalancerIPs': '10.0.0.9',
    };
    expect(refusedAnnotations(annotations)).toEqual([
      expect.stringMatching(/^development.kube-vip.io\/.*own tests/),
      expect.stringMatching(/^kube-vip.io\/macvlanName: .*loadbalancerIPs/),
    ]);
    expect(refusedAnnotations()).toEqual([]);
  });
});

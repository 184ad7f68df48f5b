/**
 * kube-vip's annotations of Services that are not among ours (annotations.ts). `better`: what they are for is so anyway.
 * `refused`: not done, and said so on the Service, with what to do instead.
 */
export type AnnotationSupport = readonly ['better' | 'refused', why: string];

const EVERY_POD: AnnotationSupport = ['better', 'egress is for every pod of the Service on its owner’s node'];
const OWN_OWNER: AnnotationSupport = ['better', 'every address has an owner of its own, and one alone'];

export const OTHER_ANNOTATIONS: Readonly<Record<string, AnnotationSupport>> = {
  'kube-vip.io/macvlanName': [
    'refused',
    'no interface is made for DHCP; for one address of several Services name it in kube-vip.io/loadbalancerIPs of each',
  ],
  'kube-vip.io/rp_filter': ['better', 'addresses by DHCP stand on the interface itself, so its filter need not change'],
  'kube-vip.io/leaseName': OWN_OWNER,
  'kube-vip.io/forcePerServiceElection': OWN_OWNER,
  'kube-vip.io/allow-reconcile-without-endpoints': [
    'better',
    'with externalTrafficPolicy Cluster an address stays whether or not there are endpoints',
  ],
  'kube-vip.io/egress-internal': ['better', 'egress is by nftables always'],
  'kube-vip.io/egress-ipv6': ['better', 'egress is in each family that the Service has an address of'],
  'kube-vip.io/egress-source-ports': [
    'better',
    'only connections that cannot go on are cut, and for that no list is needed',
  ],
  'kube-vip.io/egress-no-internal-traffic': ['better', 'what goes to the cluster itself is always left alone'],
  'kube-vip.io/active-endpoint': EVERY_POD,
  'kube-vip.io/active-endpoint-ipv6': EVERY_POD,
  'kube-vip.io/egress-nftables-table': [
    'better',
    'there is one nftables table, `kubevip-egress`, and it goes with the last rule',
  ],
  'development.kube-vip.io/synthetic-api-server-error-on-update': ['refused', 'it is a hook of kube-vip’s own tests'],
};

/** One line for each reason that annotations of a Service are not followed for. */
export function refusedAnnotations(annotations: Readonly<Record<string, string>> = {}): string[] {
  const byReason = new Map<string, string[]>();
  for (const [key, value] of Object.entries(annotations)) {
    const [support, why] = OTHER_ANNOTATIONS[key] ?? [];
    if (support !== 'refused' || why === undefined || value === '' || value === 'false') continue;
    byReason.set(why, [...(byReason.get(why) ?? []), key]);
  }
  return [...byReason].map(([why, keys]) => `${keys.sort().join(', ')}: ${why}`);
}

/** `manifest rbac`: kube-vip's names, with what our agent needs, or kube-vip itself. */
import type { AnyManifest, PolicyRule, Subject } from '../objects.ts';
import { clusterWide, servicesRbac, within } from '../rbac.ts';
import { readImage } from './image.ts';
import { KUBE_VIP } from './pod.ts';
import type { Given } from './read.ts';

const NAMES = {
  account: KUBE_VIP.account,
  clusterRole: 'system:kube-vip-role',
  clusterBinding: 'system:kube-vip-binding',
};

export function kubeVipRbac({ values }: Given): AnyManifest[] {
  const own = values.svc_namespace || KUBE_VIP.namespace;
  const limited = values.role || values.rolebinding;
  if (readImage(values.image).agent === 'kubevip')
    return servicesRbac({
      namespace: own,
      names: NAMES,
      bgp: values.bgp_enable,
      wireguard: values.vip_wireguard,
      labelsNodes: values.enable_node_labeling,
      ...(limited ? { within: own } : {}),
    });
  const account: Subject = { kind: 'ServiceAccount', name: NAMES.account, namespace: own };
  const rules = kubeVipRules(limited, values.vip_wireguard);
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAMES.account, namespace: own } },
    ...(limited ? within(own, NAMES.account, [account], rules) : clusterWide(NAMES, [account], rules)),
  ];
}

/** What kube-vip 1.2.3 asks for itself. A Role cannot grant what belongs to no namespace. */
function kubeVipRules(limited: boolean, wireguard: boolean): PolicyRule[] {
  const rule = (apiGroup: string, resources: string[], ...verbs: string[]): PolicyRule => ({
    apiGroups: [apiGroup],
    resources,
    verbs,
  });
  return [
    rule('', ['services/status'], 'update'),
    rule('', ['services', 'endpoints'], 'list', 'get', 'watch', 'update'),
    ...(limited ? [] : [rule('', ['nodes'], 'list', 'get', 'watch', 'update', 'patch')]),
    rule('coordination.k8s.io', ['leases'], 'list', 'get', 'watch', 'update', 'create'),
    rule('discovery.k8s.io', ['endpointslices'], 'list', 'get', 'watch', 'update'),
    rule('', ['pods'], 'list'),
    ...(limited ? [] : [rule('networking.k8s.io', ['servicecidrs'], 'list', 'get', 'watch')]),
    // Its tunnels are in a Secret of that name, which it is not allowed to read otherwise.
    ...(wireguard ? [{ ...rule('', ['secrets'], 'get'), resourceNames: ['wireguard'] }] : []),
  ];
}

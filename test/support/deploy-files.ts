/** What is in deploy/ besides the image: kubectl's file, kustomize's base and Helm's chart, from the same objects. */
import { toYaml } from '../../src/cli/yaml.ts';
import { controlPlaneAccount, controlPlaneDaemonSet } from '../../src/manifests/control-plane-daemon-set.ts';
import { servicesDaemonSet } from '../../src/manifests/daemon-set.ts';
import { CONTROL_PLANE_NAME, IMAGE, NAME, NAMESPACE } from '../../src/manifests/names.ts';
import { controlPlaneRbac, servicesRbac } from '../../src/manifests/rbac.ts';
import { VERSION } from '../../src/model/version.ts';

const MADE = 'Made from src/manifests by `npm run docs`.';

/** Path → text, as they are in the repository. */
export function deployFiles(): Readonly<Record<string, string>> {
  const rights = toYaml(servicesRbac());
  const agents = toYaml([servicesDaemonSet()]);
  return {
    'deploy/kubevip.yaml': `# kubevip's services part: one agent per node. Addresses come from the ConfigMap \`kubevip\` in kube-system.\n# ${MADE}\n${rights}---\n${agents}`,
    'deploy/kustomize/kustomization.yaml': KUSTOMIZATION,
    'deploy/kustomize/rbac.yaml': `# ${MADE}\n${rights}`,
    'deploy/kustomize/daemonset.yaml': `# ${MADE}\n${agents}`,
    'deploy/kustomize/pools.yaml': `# ${MADE} Patch it: docs/reference/pools.md has the keys.\n${toYaml([POOLS])}`,
    'deploy/helm/kubevip/Chart.yaml': CHART,
    'deploy/helm/kubevip/values.yaml': VALUES,
    'deploy/helm/kubevip/templates/services.yaml': servicesTemplate(),
    'deploy/helm/kubevip/templates/pools.yaml': POOLS_TEMPLATE,
    'deploy/helm/kubevip/templates/control-plane.yaml': controlPlaneTemplate(),
  };
}

const POOLS = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, namespace: NAMESPACE }, data: {} };

const KUSTOMIZATION = `# ${MADE} A base: \`kubectl apply -k\`, or a resource of your own kustomization.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - rbac.yaml
  - pools.yaml
  - daemonset.yaml
`;

const CHART = `# ${MADE}
apiVersion: v2
name: kubevip
description: Addresses, router ports and names on the LAN for Services of type LoadBalancer
type: application
version: ${VERSION}
appVersion: '${VERSION}'
`;

const VALUES = `# ${MADE}
image: ${IMAGE}
# Interface for addresses; by default the one whose subnet holds them.
interface: ''
# Nodes with Kubernetes’ exclude label, which kubeadm puts on control planes, own no address.
honorExcludeLabel: false
# Keys of the ConfigMap with the pools (docs/reference/pools.md); without any it is left to you.
pools: {}
#  range-global: 192.168.1.200-192.168.1.209
controlPlane:
  # An address to hold for the API servers; none by default.
  address: ''
  port: 6443
`;

const POOLS_TEMPLATE = `# ${MADE}
{{- if .Values.pools }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${NAME}
  namespace: ${NAMESPACE}
data:
{{- range $key, $value := .Values.pools }}
  {{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}
`;

/** What stands in the objects where a value shall be. */
const HOLES = {
  image: { hole: 'hole-image', value: '.Values.image' },
  interface: { hole: 'hole-interface', value: '.Values.interface' },
  address: { hole: 'hole-address', value: '.Values.controlPlane.address' },
  port: { hole: '65535', value: '.Values.controlPlane.port' },
} as const;

function servicesTemplate(): string {
  const set = servicesDaemonSet({
    image: HOLES.image.hole,
    interface: HOLES.interface.hole,
    excludeLabel: 'honor',
  });
  const text = toYaml([...servicesRbac(), set]);
  return `# ${MADE}\n${filled(onlyIf(onlyIf(text, variable('honor_exclude_label'), '.Values.honorExcludeLabel'), variable('vip_servicesinterface'), '.Values.interface'))}`;
}

function controlPlaneTemplate(): string {
  const set = controlPlaneDaemonSet({
    address: HOLES.address.hole,
    image: HOLES.image.hole,
    interface: HOLES.interface.hole,
    port: Number(HOLES.port.hole),
  });
  const rights = controlPlaneRbac({ serviceAccount: CONTROL_PLANE_NAME });
  const text = onlyIf(toYaml([controlPlaneAccount(), ...rights, set]), variable('vip_interface'), '.Values.interface');
  return `# ${MADE}\n{{- if .Values.controlPlane.address }}\n${filled(text)}{{- end }}\n`;
}

/** The entry of an environment variable, in YAML. */
function variable(name: string): RegExp {
  return new RegExp(`^ +- name: ${name}\\n +value: .*\\n`, 'm');
}

function onlyIf(text: string, part: RegExp, condition: string): string {
  if (!part.test(text)) throw new Error(`nothing like ${part.source} in the objects`);
  return text.replace(part, (found) => `{{- if ${condition} }}\n${found}{{- end }}\n`);
}

function filled(text: string): string {
  return Object.values(HOLES).reduce(
    (done, { hole, value }) => done.replace(new RegExp(`(: )"?${hole}"?$`, 'gm'), `$1{{ ${value} | quote }}`),
    text,
  );
}

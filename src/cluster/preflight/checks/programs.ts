/** kubeadm, kubelet and kubectl: there, of versions we know, and of versions that go together. */
import { minorsAhead, NEWEST_TRIED_MINOR, OLDEST_MINOR, parseKubernetesVersion } from '../../kubernetes-version.ts';
import type { KubernetesVersion } from '../../kubernetes-version.ts';
import { installCommand } from '../distro.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check, PreflightRequest } from '../request.ts';

const ASK: Readonly<Record<string, readonly string[]>> = {
  kubeadm: ['version', '-o', 'short'],
  kubelet: ['--version'],
  kubectl: ['version', '--client'],
};
const DOCS = 'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/';
/** kubelet may be this many minor releases older than the API server, never newer. */
const KUBELET_BEHIND = 3;

export const programs: Check = {
  id: 'programs',
  run: async ({ machine, request }) => {
    const names = Object.keys(ASK).filter((name) => name !== 'kubectl' || request.role !== 'worker');
    const found = await Promise.all(names.map((name) => look(machine, name)));
    const missing = found.flatMap((one) => ('finding' in one ? [one.finding] : []));
    const versions = new Map(found.flatMap((one) => ('version' in one ? [[one.name, one.version] as const] : [])));
    const skew = judge(versions, request);
    if (missing.length + skew.length > 0) return [...missing, ...skew];
    return [fine('programs', [...versions].map(([name, { text }]) => `${name} ${text}`).join(', '))];
  },
};

type Look = { readonly name: string; readonly version: KubernetesVersion } | { readonly finding: Finding };

async function look(machine: MachineProbe, name: string): Promise<Look> {
  const why = `Nothing works without ${name}. Debian's own packages are old; Kubernetes has a repository: ${DOCS}`;
  if ((await machine.which(name)) === undefined) {
    const remedy = await installCommand(machine, 'kubeadm', 'kubelet', 'kubectl');
    return { finding: error(`${name}-missing`, { what: `${name} is not installed`, why, remedy }) };
  }
  const result = await machine.run(name, ASK[name] ?? []);
  const version = parseKubernetesVersion(result?.stdout ?? '');
  if (version !== undefined) return { name, version };
  const said = result === undefined ? 'nothing' : JSON.stringify((result.stderr || result.stdout).trim().slice(0, 100));
  return {
    finding: error(`${name}-broken`, {
      what: `${name} does not say its version; it says ${said}`,
      why,
      remedy: `${name} ${(ASK[name] ?? []).join(' ')}; perhaps it is for another processor: file $(command -v ${name})`,
    }),
  };
}

function judge(versions: ReadonlyMap<string, KubernetesVersion>, request: PreflightRequest): Finding[] {
  const findings: Finding[] = [];
  const [kubeadm, kubelet, kubectl] = ['kubeadm', 'kubelet', 'kubectl'].map((name) => versions.get(name));
  const joins = request.role !== 'init';
  const target =
    (request.kubernetesVersion === undefined ? undefined : parseKubernetesVersion(request.kubernetesVersion)) ??
    kubeadm;
  if (kubeadm !== undefined) findings.push(...judgeKubeadm(kubeadm));
  if (kubeadm !== undefined && target !== undefined) {
    const ahead = minorsAhead(kubeadm, target);
    if (ahead < 0 || ahead > 1) {
      findings.push(
        error('kubeadm-skew', {
          what: `kubeadm is ${kubeadm.text}, the cluster ${joins ? 'is' : 'shall be'} ${target.text}`,
          why: 'kubeadm sets up its own minor release and the one before.',
          remedy: `install kubeadm v${target.major}.${target.minor}, the version of the cluster: kubeadm version -o short`,
        }),
      );
    }
  }
  if (kubelet !== undefined && target !== undefined) {
    const ahead = minorsAhead(kubelet, target);
    if (ahead > 0 || ahead < -KUBELET_BEHIND) {
      findings.push(
        error('kubelet-skew', {
          what: `kubelet is ${kubelet.text}, the API server ${joins ? 'is' : 'will be'} ${target.text}`,
          why: `kubelet may be up to ${KUBELET_BEHIND} minor releases older than the API server, and never newer.`,
          remedy: `install kubelet v${target.major}.${target.minor}: kubelet --version`,
        }),
      );
    }
  }
  if (kubectl !== undefined && target !== undefined && Math.abs(minorsAhead(kubectl, target)) > 1) {
    findings.push(
      warn('kubectl-skew', {
        what: `kubectl is ${kubectl.text}, the API server ${joins ? 'is' : 'will be'} ${target.text}`,
        why: 'More than one minor release apart, some of its commands may not work.',
        remedy: `install kubectl v${target.major}.${target.minor}: kubectl version --client`,
      }),
    );
  }
  return findings;
}

function judgeKubeadm({ text, major, minor }: KubernetesVersion): Finding[] {
  if (major === 1 && minor >= OLDEST_MINOR && minor <= NEWEST_TRIED_MINOR) return [];
  if (major !== 1 || minor < OLDEST_MINOR) {
    return [
      error('kubeadm-version', {
        what: `kubeadm ${text} is not supported`,
        why: `kubevip drives kubeadm v1.${OLDEST_MINOR} and later.`,
        remedy: `install kubeadm v1.${NEWEST_TRIED_MINOR}: ${DOCS}`,
      }),
    ];
  }
  return [
    warn('kubeadm-version', {
      what: `kubeadm ${text} is newer than anything this version of kubevip was tried with`,
      why: 'It is likely to work.',
      remedy: `kubevip --version; the newest that was tried is v1.${NEWEST_TRIED_MINOR}`,
    }),
  ];
}

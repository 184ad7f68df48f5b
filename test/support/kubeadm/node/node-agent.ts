/** The side of the kubelet that talks to the API server. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { Api } from '../cli/api.ts';
import { at, text, type Doc, list } from '../cli/config.ts';
import { readKubeconfig } from '../cli/kubeconfig.ts';
import { CONF } from '../cli/paths.ts';
import type { NodeFacts } from './facts.ts';
import { nameOf, namespaceOf, podHash, type Account } from './pod.ts';
import type { PodState } from './pod-runner.ts';
import { proxyRules } from './proxy.ts';
import { bootstrapTls } from './tls-bootstrap.ts';

const EVERY_MS = 400;
const MIRROR = 'kubernetes.io/config.mirror';

export class NodeAgent {
  readonly nodeName: string;
  readonly #facts: NodeFacts;
  readonly #flags: ReadonlyMap<string, string>;
  readonly #log: (line: string) => void;
  #pods = new Map<string, Doc>();
  #registered = false;
  #reported = new Map<string, string>();
  #problem = '';

  constructor(facts: NodeFacts, flags: ReadonlyMap<string, string>, log: (line: string) => void) {
    this.#facts = facts;
    this.#flags = flags;
    this.#log = log;
    this.nodeName = flags.get('hostname-override') ?? facts.name;
  }

  /** Pods that the API has given to this node, by a key that changes with what they are. */
  pods(): ReadonlyMap<string, Doc> {
    return this.#pods;
  }

  start(): void {
    const round = async (): Promise<void> => {
      try {
        await this.#round();
        this.#problem = '';
      } catch (error) {
        const problem = (error as Error).message;
        if (problem !== this.#problem) this.#log(problem);
        this.#problem = problem;
      }
      setTimeout(() => void round(), EVERY_MS);
    };
    void round();
  }

  /** Shows the static pods in the API, and how all pods are. */
  async report(fixed: ReadonlyMap<string, Doc>, stateOf: (key: string) => PodState | undefined): Promise<void> {
    if (!this.#registered || !existsSync(CONF.kubelet)) return;
    const api = new Api(readKubeconfig(CONF.kubelet));
    const shown = [...fixed].map(([key, pod]) => [key, this.#mirrorOf(pod)] as const);
    for (const [key, pod] of [...shown, ...this.#pods]) {
      const state = stateOf(key);
      const path = `/api/v1/namespaces/${namespaceOf(pod)}/pods`;
      const said = JSON.stringify([podHash(pod), state]);
      if (state === undefined || this.#reported.get(path + nameOf(pod)) === said) continue;
      try {
        const own = fixed.has(key);
        if (own) await this.#showMirror(api, path, pod);
        const { code } = await api.ask(
          'PATCH',
          `${path}/${nameOf(pod)}/status`,
          { status: this.#statusOf(pod, state) },
          'application/merge-patch+json',
        );
        if (code < 300) this.#reported.set(path + nameOf(pod), said);
      } catch {
        // The next round tries again.
        return;
      }
    }
    await this.#forgetMirrors(api, new Set(shown.map(([, pod]) => nameOf(pod))));
  }

  /** What a pod needs to talk to the API server as its service account. */
  async accountOf(pod: Doc): Promise<Account | undefined> {
    const account = text(pod, 'spec.serviceAccountName');
    if (text(pod, 'metadata.uid') === '' || account === '') return undefined;
    const access = readKubeconfig(CONF.kubelet);
    const api = new Api(access);
    const namespace = namespaceOf(pod);
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
    const token = text(await api.call('POST', path, body), 'status.token');
    const folder = `/run/stand-in/accounts/${text(pod, 'metadata.uid')}`;
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of [
      ['token', token],
      ['ca.crt', access.ca ?? ''],
      ['namespace', namespace],
    ] as const) {
      writeFileSync(`${folder}/${file}`, content);
    }
    const service = await api.call('GET', '/api/v1/namespaces/default/services/kubernetes');
    return { folder, clusterIp: text(service, 'spec.clusterIP') };
  }

  async #round(): Promise<void> {
    if (!existsSync(CONF.kubelet)) {
      if (existsSync(CONF.bootstrapKubelet)) await bootstrapTls(this.nodeName);
      return;
    }
    const api = new Api(readKubeconfig(CONF.kubelet));
    await this.#register(api);
    await this.#renewLease(api);
    const selector = encodeURIComponent(`spec.nodeName=${this.nodeName}`);
    const found = await api.call('GET', `/api/v1/pods?fieldSelector=${selector}`);
    const pods = list(found, 'items').filter(
      (pod) =>
        at(pod['metadata'], 'annotations') === undefined || !(MIRROR in (at(pod, 'metadata.annotations') as Doc)),
    );
    this.#pods = new Map(pods.map((pod) => [`api/${text(pod, 'metadata.uid')}`, pod]));
    await proxyRules(api);
  }

  async #register(api: Api): Promise<void> {
    const path = `/api/v1/nodes/${this.nodeName}`;
    const { code, body } = await api.ask('GET', path);
    if (code === 404) {
      await api.call('POST', '/api/v1/nodes', this.#node());
      this.#log(`registered node ${this.nodeName}`);
    } else if (code !== 200) throw new Error(`node ${this.nodeName} cannot be read: ${text(body, 'message')}`);
    // Without a network for pods it is not ready.
    const ready = existsSync('/etc/cni/net.d') && readdirSync('/etc/cni/net.d').some((name) => /\.conf/.test(name));
    const known = list(body, 'status.conditions').find(({ type }) => type === 'Ready')?.['status'];
    if (!this.#registered || known !== (ready ? 'True' : 'False')) {
      await api.call('PATCH', `${path}/status`, { status: this.#nodeStatus(ready) }, 'application/merge-patch+json');
    }
    this.#registered = true;
  }

  #node(): Doc {
    const taints = (this.#flags.get('register-with-taints') ?? '').split(',').filter(Boolean);
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: this.nodeName,
        labels: {
          'kubernetes.io/hostname': this.#facts.name,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
        },
      },
      spec: {
        taints: taints.map((taint) => {
          const [, key = '', value = '', effect = ''] = /^([^=:]+)=?([^:]*):(\w+)$/.exec(taint) ?? [];
          return { key, value, effect };
        }),
      },
    };
  }

  #nodeStatus(ready: boolean): Doc {
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const address = this.#flags.get('node-ip') ?? this.#facts.ip;
    return {
      addresses: [
        ...address.split(',').map((ip) => ({ type: 'InternalIP', address: ip })),
        { type: 'Hostname', address: this.#facts.name },
      ],
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          reason: ready ? 'KubeletReady' : 'KubeletNotReady',
          message: ready
            ? 'kubelet is posting ready status'
            : 'container runtime network not ready: cni plugin not initialized',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: {
        ...{ architecture: 'amd64', operatingSystem: 'linux', osImage: 'stand-in', kernelVersion: '' },
        ...{ kubeletVersion: this.#facts.version, containerRuntimeVersion: 'containerd://2.1.0', kubeProxyVersion: '' },
        ...{ bootID: '', machineID: '', systemUUID: '' },
      },
    };
  }

  async #renewLease(api: Api): Promise<void> {
    const collection = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const spec = {
      holderIdentity: this.nodeName,
      leaseDurationSeconds: 40,
      renewTime: new Date().toISOString().replace(/Z$/, '000Z'),
    };
    const patch = 'application/merge-patch+json';
    const { code } = await api.ask('PATCH', `${collection}/${this.nodeName}`, { spec }, patch);
    if (code !== 404) return;
    const metadata = { name: this.nodeName, namespace: 'kube-node-lease' };
    await api.call('POST', collection, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  }

  #mirrorOf(pod: Doc): Doc {
    const metadata = pod['metadata'] as Doc;
    const hash = podHash(pod);
    return {
      ...pod,
      metadata: {
        ...metadata,
        name: `${nameOf(pod)}-${this.nodeName}`,
        annotations: {
          ...((metadata['annotations'] ?? {}) as Doc),
          [MIRROR]: hash,
          'kubernetes.io/config.hash': hash,
          'kubernetes.io/config.source': 'file',
        },
      },
      spec: { ...(pod['spec'] as Doc), nodeName: this.nodeName },
    };
  }

  async #showMirror(api: Api, path: string, pod: Doc): Promise<void> {
    const wanted = (at(pod, 'metadata.annotations') as Doc)[MIRROR];
    const { code, body } = await api.ask('GET', `${path}/${nameOf(pod)}`);
    if (code === 200) {
      const annotations = (at(body, 'metadata.annotations') ?? {}) as Doc;
      if (annotations[MIRROR] === wanted) return;
      await api.ask('DELETE', `${path}/${nameOf(pod)}`);
    }
    await api.call('POST', path, pod);
  }

  async #forgetMirrors(api: Api, names: ReadonlySet<string>): Promise<void> {
    for (const key of [...this.#reported.keys()]) {
      const [, namespace = '', name = ''] = /namespaces\/([^/]+)\/pods(.+)$/.exec(key) ?? [];
      if (!name.endsWith(`-${this.nodeName}`) || names.has(name)) continue;
      if ([...this.#pods.values()].some((pod) => nameOf(pod) === name)) continue;
      await api.ask('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`).catch(() => undefined);
      this.#reported.delete(key);
    }
  }

  #statusOf(pod: Doc, { running, ready, restarts, problem }: PodState): Doc {
    const container = list(pod, 'spec.containers')[0] ?? {};
    const condition = (type: string, yes: boolean): Doc => ({ type, status: yes ? 'True' : 'False' });
    return {
      phase: running ? 'Running' : 'Pending',
      hostIP: this.#facts.ip,
      podIP: this.#facts.ip,
      conditions: [
        condition('PodScheduled', true),
        condition('Initialized', true),
        condition('ContainersReady', ready),
        condition('Ready', ready),
      ],
      containerStatuses: [
        {
          ...{ name: text(container, 'name'), image: text(container, 'image'), imageID: '', started: running },
          ...{ ready, restartCount: restarts },
          state: running
            ? { running: {} }
            : { waiting: { reason: problem === '' ? 'ContainerCreating' : 'CreateContainerError', message: problem } },
        },
      ],
    };
  }
}

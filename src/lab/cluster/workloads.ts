/**
 * The cluster around the agents: watches the API, and keeps pods, endpoints, nodes and the nodes' rules as they
 * should be. Level-triggered: a change only says what to look at again.
 */
import type { Cluster } from '../../kube/client.ts';
import { WorkQueue } from '../../kube/queue.ts';
import type { Kind, Kinds } from '../../kube/kinds.ts';
import { createWatcher, type Watcher } from '../../kube/watcher/watcher.ts';
import { messageOf } from '../../model/errors.ts';
import { keyOf, type Pod } from '../../model/kubernetes.ts';
import type { Clock, Entropy, Milliseconds } from '../../model/time.ts';
import { nodeAddresses, podAddress6, type LabPaths } from '../layout.ts';
import { isPoweredOff } from '../state.ts';
import type { ClusterContext } from './context.ts';
import { schedulePod, syncDeployment } from './deployments.ts';
import { MachineClient } from './machine-client.ts';
import { reportPod, syncNode } from './nodes.ts';
import { freePodIp, isTerminating, listeningPorts, ownerName, sameNamespace, selects } from './pods.ts';
import { proxyRules } from './proxy-rules.ts';
import { syncEndpoints } from './service-endpoints.ts';

export interface WorkloadsOptions {
  readonly cluster: Cluster;
  readonly paths: LabPaths;
  readonly nodes: readonly string[];
  /** Whether nodes and pods have an IPv6 address beside the IPv4 one. */
  readonly ipv6: boolean;
  /** Silence after which a node counts as lost. */
  readonly graceMs: Milliseconds;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: (line: string) => void;
}

/** A machine process takes a fraction of a second to start; on a busy computer, seconds. */
const FIRST_WORD: Milliseconds = 8000;

interface Machine {
  readonly client: MachineClient;
  /** Uids of the pods that serve, as last told. */
  running: ReadonlySet<string>;
  /** When the machine went silent, long ago if it never spoke; undefined while it is heard. */
  silentSince: Milliseconds | undefined;
  /** Addresses given to pods whose status does not show them yet, by uid. */
  readonly given: Map<string, string>;
}

type Task = `${'deployment' | 'schedule' | 'endpoints' | 'node'} ${string}` | 'rules';

export class Workloads {
  readonly #options: WorkloadsOptions;
  readonly #context: ClusterContext;
  readonly #machines = new Map<string, Machine>();
  readonly #queue: WorkQueue<Task>;
  readonly #watchers: Watcher<Kinds[Kind]>[] = [];

  constructor(options: WorkloadsOptions) {
    this.#options = options;
    const { cluster, clock, entropy, ipv6 } = options;
    const watch = <K extends Kind>(kind: K, onChange: (object: Kinds[K], key: string) => void): Watcher<Kinds[K]> => {
      const watcher = createWatcher({
        resource: cluster.resource(kind),
        selection: { namespace: '*' },
        clock,
        entropy,
        onError: (error) => this.#log(`watching ${kind}: ${messageOf(error)}`),
      });
      watcher.onChange((key, object, previous) => {
        for (const version of [previous, object]) if (version !== undefined) onChange(version, key);
      });
      this.#watchers.push(watcher);
      return watcher;
    };
    this.#queue = new WorkQueue<Task>({
      clock,
      entropy,
      concurrency: 16,
      backoff: [50, 2000],
      work: (task) => this.#work(task),
      onError: (task, error) => this.#log(`${task}: ${messageOf(error)}`),
    });
    this.#context = {
      cluster,
      clock,
      ipv6,
      seen: {
        deployments: watch('Deployment', (_, key) => this.#queue.add(`deployment ${key}`)).store,
        pods: watch('Pod', (pod, key) => this.#podChanged(pod, key)).store,
        services: watch('Service', (_, key) => {
          this.#queue.add(`endpoints ${key}`);
          this.#queue.add('rules');
        }).store,
        slices: watch('EndpointSlice', () => this.#queue.add('rules')).store,
        nodes: watch('Node', ({ metadata }) => {
          if (this.#machines.has(metadata.name)) this.#queue.add(`node ${metadata.name}`);
        }).store,
      },
      readyNodes: () => [...this.#machines.keys()].filter((node) => this.#isReady(node)),
    };
  }

  /** Resolves when the first look at everything is done and every node was heard once or given up on. */
  async start(): Promise<void> {
    for (const watcher of this.#watchers) watcher.start();
    await Promise.all(this.#watchers.map(({ synced }) => synced));
    const { nodes } = this.#options;
    await Promise.all(nodes.map(async (node) => await this.#startMachine(node)));
    this.#queue.add('rules');
    for (const node of nodes) this.#queue.add(`node ${node}`);
    await this.#queue.drain();
  }

  async stop(): Promise<void> {
    for (const watcher of this.#watchers) watcher.stop();
    for (const { client } of this.#machines.values()) client.stop();
    await this.#queue.stop();
  }

  async #startMachine(node: string): Promise<void> {
    const { clock, graceMs, paths } = this.#options;
    const heard = Promise.withResolvers<undefined>();
    const client = new MachineClient(paths, node, {
      onPower: (on) => {
        const machine = this.#machines.get(node);
        if (machine !== undefined) {
          machine.silentSince = on ? undefined : clock.now();
          // A machine that starts has nothing running yet.
          if (on) machine.running = new Set();
        }
        this.#log(`${node} ${on ? 'is up' : 'has gone silent'}`);
        if (on) heard.resolve(undefined);
        // One more millisecond: the clock must have passed the deadline.
        this.#queue.addAfter(`node ${node}`, on ? 0 : graceMs + 1);
      },
      onRunning: (uids) => {
        const machine = this.#machines.get(node);
        if (machine !== undefined) machine.running = uids;
        this.#queue.add(`node ${node}`);
      },
      onProblem: (message) => this.#log(message),
    });
    this.#machines.set(node, { client, running: new Set(), silentSince: Number.NEGATIVE_INFINITY, given: new Map() });
    client.start();
    if (isPoweredOff(paths, node)) return;
    await Promise.race([heard.promise, new Promise((resolve) => clock.after(FIRST_WORD, () => resolve(undefined)))]);
  }

  #podChanged(pod: Pod, key: string): void {
    const owner = ownerName(pod);
    if (owner !== undefined) this.#queue.add(`deployment ${pod.metadata.namespace ?? 'default'}/${owner}`);
    if (pod.spec.nodeName === undefined) this.#queue.add(`schedule ${key}`);
    else if (this.#machines.has(pod.spec.nodeName)) this.#queue.add(`node ${pod.spec.nodeName}`);
    for (const service of this.#context.seen.services.list()) {
      if (sameNamespace(service, pod) && selects(service.spec.selector, pod)) {
        this.#queue.add(`endpoints ${keyOf(service)}`);
      }
    }
  }

  async #work(task: Task): Promise<Milliseconds | undefined> {
    const [kind, key = ''] = task.split(' ');
    if (kind === 'deployment') return await syncDeployment(this.#context, key);
    if (kind === 'schedule') return await schedulePod(this.#context, key);
    if (kind === 'endpoints') await syncEndpoints(this.#context, key);
    else if (kind === 'node') await this.#syncMachine(key);
    else this.#setRules();
    return undefined;
  }

  #setRules(): void {
    const { services, slices } = this.#context.seen;
    for (const [node, { client }] of this.#machines) client.setRules(proxyRules(node, services.list(), slices.list()));
  }

  async #syncMachine(node: string): Promise<void> {
    const machine = this.#machines.get(node);
    if (machine === undefined) return;
    const ready = this.#isReady(node);
    const pods = this.#context.seen.pods.list().filter(({ spec }) => spec.nodeName === node);
    const given = giveAddresses(node, pods, machine.given);
    const addresses = new Map([...given].map(([pod, ip]) => [pod, podIps(this.#context, ip)]));
    machine.client.setPods(
      pods
        .filter((pod) => !isTerminating(pod))
        .map((pod) => ({
          uid: pod.metadata.uid ?? '',
          name: pod.metadata.name,
          ips: addresses.get(pod) ?? [],
          ports: listeningPorts(pod),
        })),
    );
    await syncNode(this.#context, node, ready);
    await Promise.all(
      pods.map((pod) =>
        reportPod(this.#context, pod, addresses.get(pod) ?? [], ready && machine.running.has(pod.metadata.uid ?? '')),
      ),
    );
  }

  #isReady(node: string): boolean {
    const machine = this.#machines.get(node);
    if (machine === undefined) return false;
    const { silentSince } = machine;
    return silentSince === undefined || this.#options.clock.now() - silentSince < this.#options.graceMs;
  }

  #log(line: string): void {
    this.#options.log(line);
  }
}

/** All addresses of a pod, the IPv4 address first. */
function podIps({ ipv6 }: ClusterContext, ip: string): string[] {
  return ipv6 ? [ip, podAddress6(ip)] : [ip];
}

/** The IPv4 address of each pod: the one it has, the one given to it before, or a free one. */
function giveAddresses(node: string, pods: readonly Pod[], given: Map<string, string>): Map<Pod, string> {
  const uids = new Set(pods.map(({ metadata }) => metadata.uid ?? ''));
  for (const uid of given.keys()) if (!uids.has(uid)) given.delete(uid);
  const used = new Set([...given.values(), ...pods.flatMap(({ status }) => status?.podIP ?? [])]);
  return new Map(
    pods.flatMap((pod) => {
      const uid = pod.metadata.uid ?? '';
      const address = pod.status?.podIP ?? given.get(uid) ?? freePodIp(nodeAddresses(node).pods, used);
      if (address === undefined) return [];
      used.add(address);
      given.set(uid, address);
      return [[pod, address] as const];
    }),
  );
}

/** One Kubernetes cluster: its objects, which all its API servers share, and what they need to answer. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { tokenIssuer, type TokenIssuer } from '../../../../src/lab/apiserver/auth/tokens.ts';
import { bootstrapCluster, bound, clusterRole, ensureExists } from '../../../../src/lab/apiserver/bootstrap.ts';
import { collectGarbage } from '../../../../src/lab/apiserver/garbage-collector.ts';
import type { Dispatcher } from '../../../../src/lab/apiserver/http/dispatch.ts';
import { openapiHandler } from '../../../../src/lab/apiserver/openapi/serve.ts';
import type { Backend } from '../../../../src/lab/apiserver/operations/backend.ts';
import { createRegistry } from '../../../../src/lab/apiserver/registry/all.ts';
import { parseServiceRanges } from '../../../../src/lab/apiserver/registry/service/ranges.ts';
import { fileJournal } from '../../../../src/lab/apiserver/storage/journal.ts';
import { Store } from '../../../../src/lab/apiserver/storage/store.ts';
import { serverVersion } from '../../../../src/lab/apiserver/version.ts';
import { EtcdCluster } from './etcd.ts';
import { identify } from './identity.ts';
import type { ApiServerHello, ManagerHello } from './messages.ts';

const NODE_PORTS = { first: 30_000, last: 32_767 };
const WATCHES = { bookmarkInterval: 10_000, defaultTimeout: 45 * 60_000 };
const CSR_GROUP = 'certificates.k8s.io';

interface Serving {
  readonly backend: Backend;
  readonly tokens: TokenIssuer;
  readonly version: string;
}

export class Kubernetes {
  readonly etcd: EtcdCluster;
  readonly store: Store;
  /** Controller managers that run, by node. */
  readonly managers = new Map<string, ManagerHello>();
  /** API servers that run, by node. */
  readonly apiServers = new Map<string, ApiServerHello>();
  #serving: Serving | undefined;
  #stopCollecting: () => void = () => undefined;

  constructor(id: string, folder: string, changed: () => void) {
    this.store = new Store(fileJournal(join(folder, 'objects')));
    this.etcd = new EtcdCluster(id, folder, changed);
  }

  /** Undefined until an API server has started. */
  get backend(): Backend | undefined {
    return this.#serving?.backend;
  }

  /** One of the controller managers that can do their work. */
  get activeManager(): ManagerHello | undefined {
    return [...this.managers.values()].find(({ node }) => this.canServe(node));
  }

  /** Has the API server of this node an etcd that answers? */
  canServe(node: string): boolean {
    const member = this.etcd.memberOn(node);
    return member !== undefined && this.etcd.hasQuorum(member.id);
  }

  /** The first API server says what addresses Services have, and makes what every cluster has. */
  begin(hello: ApiServerHello): Serving {
    if (this.#serving !== undefined) return this.#serving;
    const now = (): Date => new Date();
    const network = { clusterCidrs: parseServiceRanges(hello.serviceRange), nodePorts: NODE_PORTS };
    const backend: Backend = { store: this.store, registry: createRegistry(), network, now };
    const key = createHash('sha256').update(hello.accountKey).digest();
    this.#serving = { backend, tokens: tokenIssuer(key, this.store, now), version: hello.version };
    this.#stopCollecting = collectGarbage(backend);
    return this.#serving;
  }

  /** Only what has a quorum can be written. */
  bootstrap(hello: ApiServerHello): void {
    const { backend } = this.begin(hello);
    bootstrapCluster(backend, [{ address: hello.advertiseAddress, port: hello.port }]);
    for (const wanted of nodeRoles()) ensureExists(backend, wanted);
  }

  dispatcher(hello: ApiServerHello, trackWatch: Dispatcher['trackWatch']): Dispatcher {
    const { backend, tokens, version } = this.begin(hello);
    const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
    return {
      backend,
      tokens,
      watches: WATCHES,
      identify: (request) => identify(this.store, backend.now, request),
      paths: {
        version: { ...serverVersion(), major, minor, gitVersion: version },
        openapi: openapiHandler(backend.registry),
      },
      intercept: () => Promise.resolve(),
      trackWatch,
    };
  }

  close(): void {
    this.#stopCollecting();
    this.store.close();
  }
}

/**
 * Roles of the real server that kubeadm binds. Kubelets have theirs from the Node authorizer, which lets each one at
 * its own node and pods; here the role is bound to all of them.
 */
function nodeRoles() {
  const requests = `${CSR_GROUP}:certificatesigningrequests`;
  const csr = (resource: string) => [{ apiGroups: [CSR_GROUP], resources: [resource], verbs: ['create'] }];
  return [
    ...clusterRole('system:node-bootstrapper', [
      { apiGroups: [CSR_GROUP], resources: ['certificatesigningrequests'], verbs: ['create', 'get', 'list', 'watch'] },
    ]),
    ...clusterRole(`system:${requests}:nodeclient`, csr('certificatesigningrequests/nodeclient')),
    ...clusterRole(`system:${requests}:selfnodeclient`, csr('certificatesigningrequests/selfnodeclient')),
    ...clusterRole('system:node', [
      { apiGroups: [''], resources: ['nodes'], verbs: ['create', 'get', 'list', 'watch', 'patch', 'update'] },
      { apiGroups: [''], resources: ['nodes/status', 'pods/status'], verbs: ['patch', 'update'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['create', 'delete', 'get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['services', 'configmaps', 'secrets'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        verbs: ['create', 'get', 'list', 'watch', 'patch', 'update'],
      },
    ]),
    ...bound('system:node', [{ kind: 'Group', name: 'system:nodes' }]),
  ];
}

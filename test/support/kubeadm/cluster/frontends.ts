/** The HTTPS servers behind the components on the nodes; each listens on a UNIX socket. */
import { rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { constants } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isAllowed } from '../../../../src/lab/apiserver/auth/rbac.ts';
import { dispatch, type Dispatcher } from '../../../../src/lab/apiserver/http/dispatch.ts';
import { answer, bodyOf } from './http.ts';
import type { Tls } from './messages.ts';
import { EtcdError, type EtcdCluster } from './etcd.ts';
import type { Kubernetes } from './kubernetes.ts';
import { answerCertificateRequest, CSR_PATH } from './signing.ts';

/** How long a request waits for a quorum before it is refused; etcd takes some seconds. */
const NO_QUORUM_MS = 1000;

export interface Frontend {
  close(): void;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** @param tls client certificates are asked for, and needed only if `strict` */
export async function openFrontend(path: string, tls: Tls, strict: boolean, handler: Handler): Promise<Frontend> {
  rmSync(path, { force: true });
  const options: ServerOptions = {
    cert: tls.cert,
    key: tls.key,
    ca: tls.clientCa,
    requestCert: true,
    rejectUnauthorized: strict,
    // A resumed session would not tell whose certificate it began with.
    secureOptions: constants.SSL_OP_NO_TICKET,
    noDelay: true,
    keepAliveTimeout: 180_000,
  };
  const server: Server = createServer(options, (request, response) => {
    response.on('error', () => undefined);
    handler(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else answer(response, 500, { kind: 'Status', status: 'Failure', message: String(error), code: 500 });
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    close() {
      server.close();
      server.closeAllConnections();
      rmSync(path, { force: true });
    },
  };
}

/** An API server: it serves as long as the etcd of its node has a quorum. */
export function apiServer(cluster: Kubernetes, node: string, dispatcher: Dispatcher): Handler {
  return async (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    for (
      let waited = 0;
      !cluster.canServe(node) && waited < NO_QUORUM_MS && !/^\/(livez|readyz|healthz)/.test(path);
      waited += 50
    ) {
      await delay(50);
    }
    if (!cluster.canServe(node)) {
      if (/^\/(livez|readyz|healthz)/.test(path)) {
        response
          .writeHead(500, { 'content-type': 'text/plain' })
          .end('[-]etcd failed: reason withheld\nhealthz check failed\n');
        return;
      }
      answer(response, 500, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'etcdserver: request timed out',
        reason: 'InternalError',
        code: 500,
      });
      return;
    }
    if (path === CSR_PATH && request.method === 'POST') {
      await answerCertificateRequest(cluster, whoAsks(dispatcher, request), request, response);
      return;
    }
    await dispatch(dispatcher, request, response);
  };
}

function whoAsks(dispatcher: Dispatcher, request: IncomingMessage) {
  const user = dispatcher.identify?.(request);
  const allowed =
    user !== undefined &&
    isAllowed(dispatcher.backend.store, user, {
      verb: 'create',
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      subresource: '',
      namespace: '',
      name: '',
    });
  return { user, allowed };
}

/** etcd, as far as kubeadm asks it. Only who has a certificate of etcd's authority gets here. */
export function etcdServer(etcd: EtcdCluster, id: string): Handler {
  return async (request, response) => {
    await Promise.resolve();
    const [, root = '', member = '', action = ''] = (request.url ?? '').split('/');
    try {
      if (root !== 'members') throw new EtcdError('no such method');
      if (request.method === 'POST' && action === 'promote') etcd.promote(id, member);
      else if (request.method === 'DELETE') etcd.remove(id, member);
      else if (request.method === 'POST') {
        const body = JSON.parse(await bodyOf(request)) as { peerUrl: string; learner: boolean };
        etcd.add(id, body.peerUrl, body.learner);
      }
      const members = etcd.members.map((one) => ({ ...one, started: etcd.isLive(one.id) && one.name !== '' }));
      answer(response, 200, { members });
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      answer(response, 503, { message: error.message });
    }
  };
}

/** Controller manager and scheduler: all one can ask them is how they are. */
export const healthServer: Handler = async (_request, response) => {
  await Promise.resolve();
  response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
};

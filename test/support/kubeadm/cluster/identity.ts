/** Who makes a request: by client certificate, or by a bootstrap token. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { User } from '../../../../src/lab/apiserver/auth/user.ts';
import { stringMapAt } from '../../../../src/lab/apiserver/json.ts';
import type { Store } from '../../../../src/lab/apiserver/storage/store.ts';

const BOOTSTRAP_TOKEN = /^Bearer\s+([a-z0-9]{6})\.([a-z0-9]{16})$/i;

export function identify(store: Store, now: () => Date, request: IncomingMessage): User | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return byCertificate(request.socket);
  const [, id = '', secret = ''] = BOOTSTRAP_TOKEN.exec(authorization) ?? [];
  return id === '' ? undefined : byToken(store, now, id, secret);
}

function byCertificate(socket: Socket): User | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
  if (CN === undefined) return undefined;
  const groups = O === undefined ? [] : [O].flat();
  return { name: CN, uid: '', groups: [...groups, 'system:authenticated'] };
}

/** plugin/pkg/auth/authenticator/token/bootstrap of Kubernetes. */
function byToken(store: Store, now: () => Date, id: string, secret: string): User | undefined {
  const found = store.get('secrets', `kube-system/bootstrap-token-${id}`)?.object;
  if (found === undefined || found['type'] !== 'bootstrap.kubernetes.io/token') return undefined;
  const token = tokenOf(stringMapAt(found, 'data'));
  if (token.secret !== secret || token.expires <= now().getTime() || !token.usages.includes('authentication')) {
    return undefined;
  }
  return {
    name: `system:bootstrap:${id}`,
    uid: '',
    groups: ['system:bootstrappers', ...token.groups, 'system:authenticated'],
  };
}

export interface StoredToken {
  readonly id: string;
  readonly secret: string;
  /** Milliseconds since 1970; infinite without an end. */
  readonly expires: number;
  readonly usages: readonly string[];
  readonly groups: readonly string[];
}

export function tokenOf(data: Readonly<Record<string, string>>): StoredToken {
  const value = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  const prefix = 'usage-bootstrap-';
  const usages = Object.keys(data).filter((key) => key.startsWith(prefix) && value(key) === 'true');
  return {
    id: value('token-id'),
    secret: value('token-secret'),
    expires: value('expiration') === '' ? Infinity : Date.parse(value('expiration')),
    usages: usages.map((key) => key.slice(prefix.length)),
    groups: value('auth-extra-groups').split(',').filter(Boolean),
  };
}

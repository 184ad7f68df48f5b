/** Bearer tokens: signed claims (JWT, HS256), so that none has to be stored and a restart forgets none. */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { isObject, stringAt, stringsAt, type JsonObject } from '../json.ts';
import type { Store } from '../storage/store.ts';
import { serviceAccountUser, type User } from './user.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const PREFIX = 'system:serviceaccount:';

export interface TokenIssuer {
  /** A token for anybody; without an end unless `expires` is given. */
  issue(user: User, expires?: Date): string;
  /** Who the token stands for; undefined if it is not one of ours, has ended, or its service account is gone. */
  verify(token: string): User | undefined;
}

export function tokenIssuer(key: Uint8Array, store: Store, now: () => Date): TokenIssuer {
  const sign = (text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const header = encode({ alg: 'HS256', typ: 'JWT' });
  return {
    issue(user, expires) {
      const claims = encode({
        iss: ISSUER,
        sub: user.name,
        uid: user.uid,
        groups: [...user.groups],
        jti: randomUUID(),
        iat: Math.floor(now().getTime() / 1000),
        ...(expires === undefined ? {} : { exp: Math.floor(expires.getTime() / 1000) }),
      });
      return `${header}.${claims}.${sign(`${header}.${claims}`).toString('base64url')}`;
    },
    verify(token) {
      const [head = '', body = '', signature = '', ...rest] = token.split('.');
      const expected = sign(`${head}.${body}`);
      const given = Buffer.from(signature, 'base64url');
      if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
      const claims = decode(body);
      const end = claims?.['exp'];
      if (claims === undefined || (typeof end === 'number' && end * 1000 <= now().getTime())) return undefined;
      const user = { name: stringAt(claims, 'sub'), uid: stringAt(claims, 'uid'), groups: stringsAt(claims, 'groups') };
      return user.name.startsWith(PREFIX) ? existing(user, store) : user;
    },
  };
}

function existing(user: User, store: Store): User | undefined {
  const [namespace = '', name = ''] = user.name.slice(PREFIX.length).split(':');
  const uid = store.get('serviceaccounts', `${namespace}/${name}`)?.object.metadata.uid;
  return uid === undefined || uid !== user.uid ? undefined : serviceAccountUser(namespace, name, uid);
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

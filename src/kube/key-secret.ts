/** The Secret with the key of the heartbeats. Nothing of it is ever in a message. */
import type { KeyMaterial, KeySecret } from '../exposure/ownership/port.ts';
import type { Secret } from '../model/kubernetes.ts';
import { isApiError } from './errors.ts';
import type { Resource } from './resource.ts';
import type { Watcher } from './watcher/watcher.ts';

/** HMAC keys shorter than this could be guessed. */
const LEAST_BYTES = 16;

export interface KeySecretOptions {
  readonly secrets: Pick<Resource<Secret>, 'create'>;
  /** Watches the Secret of this name alone. */
  readonly watcher: Watcher<Secret>;
  readonly name: string;
  readonly namespace: string;
}

export function createKeySecret({ secrets, watcher, name, namespace }: KeySecretOptions): KeySecret {
  return {
    watch(seen) {
      let stop = (): void => undefined;
      let stopped = false;
      const look = (): void => seen(read(watcher.store.get(`${namespace}/${name}`)));
      watcher.start();
      void watcher.synced.then((synced) => {
        if (stopped || !synced) return;
        look();
        stop = watcher.onChange((key) => {
          if (key === `${namespace}/${name}`) look();
        });
      });
      return () => {
        stopped = true;
        stop();
        watcher.stop();
      };
    },
    async create({ key, previous }) {
      try {
        await secrets.create({
          metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'kubevip' } },
          data: { key: base64(key), ...(previous ? { previous: base64(previous) } : {}) },
        });
        return 'created';
      } catch (error) {
        if (isApiError(error, 'ALREADY_EXISTS')) return 'exists';
        throw error;
      }
    },
  };
}

function read(secret: Secret | undefined): KeyMaterial | 'unusable' | undefined {
  if (!secret) return undefined;
  const key = decoded(secret.data?.['key']);
  const previous = decoded(secret.data?.['previous']);
  return key ? { key, ...(previous ? { previous } : {}) } : 'unusable';
}

function decoded(text = ''): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return bytes.length < LEAST_BYTES ? undefined : bytes;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

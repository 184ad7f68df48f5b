/**
 * In place of an API server where there is none: kube-vip elects in etcd without Kubernetes, too, for the address of an etcd
 * alone. Then nothing is recorded nor told, and the node may have the VIP unless a check of its own says otherwise.
 */
import type { LeaseStore } from '../../exposure/ownership/port.ts';
import type { Credentials } from '../../kube/credentials.ts';
import { askReadiness } from '../../kube/readiness.ts';
import { failed, ready } from '../../model/decision.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { ApiParts } from './wire.ts';

const nothing = (): void => undefined;
const none = (): Promise<never> => Promise.reject(new Error('there is no API server'));
const never = new Promise<never>(nothing);

/** Whoever is asked knows nobody. */
const NO_CREDENTIALS: Credentials = {
  server: new URL('https://127.0.0.1'),
  context: '',
  namespace: '',
  authorize: () => Promise.resolve({ headers: {}, tls: {} }),
};

/** Nobody ever learns what there is in it. */
const NO_LEASES: LeaseStore = {
  start: () => never,
  stop: nothing,
  get: () => undefined,
  list: () => [],
  onChange: () => nothing,
  onRecovered: () => nothing,
  read: none,
  create: none,
  replace: none,
  delete: none,
};

export function withoutApi({ health }: ControlPlaneConfig): ApiParts {
  const { url, caFile, timeout } = health;
  return {
    store: NO_LEASES,
    local: {
      async check() {
        if (!url) return ready(undefined, 'NoApiServer', 'there is no kubeconfig, so no API server is asked');
        const why = await askReadiness(NO_CREDENTIALS, { url, timeout, ...(caFile ? { caFile } : {}) });
        return why
          ? failed('HealthCheckFailed', `${url.href} does not serve: ${why.message}`)
          : ready(undefined, 'HealthChecked', `${url.href} answers as it should`);
      },
    },
    others: { anyReady: () => Promise.resolve('unknown'), free: () => Promise.resolve() },
    events: { record: nothing, stop: () => Promise.resolve() },
    secret: { watch: () => nothing, create: none },
    otherControlPlanes: () => [],
    nodeLabels: { read: none, patch: none },
    version: none,
    caHash: none,
    start: nothing,
    close: nothing,
  };
}

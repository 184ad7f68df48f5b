/** An etcd as settings name it: kube-vip's flags `--etcd…`, which are variables of our agent by the same names. */
import { hostPort } from './ip.ts';

export interface EtcdSettings {
  readonly etcdEndpoints: string;
  readonly etcdCACert: string;
  readonly etcdCert: string;
  readonly etcdKey: string;
}

/** Where a member listens for clients. */
export interface EtcdEndpoint {
  readonly secure: boolean;
  /** Address or name, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Files in PEM, by path. */
export interface EtcdTls {
  /** Whoever signed the members' certificates; absent: the usual authorities. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface EtcdAccess {
  /** At least one. */
  readonly endpoints: readonly EtcdEndpoint[];
  readonly tls: EtcdTls;
}

const FILES = ['etcdCACert', 'etcdCert', 'etcdKey'] as const;
const DEFAULT_PORT = 2379;

/**
 * @param word how people call a setting: `--etcdCert`, `etcdCert`
 * @returns what is wrong, in one sentence that begins with the setting, where it cannot be
 */
export function readEtcd(
  settings: EtcdSettings,
  word: (name: keyof EtcdSettings) => string,
): EtcdAccess | { readonly fault: string } {
  const { etcdEndpoints, etcdCACert, etcdCert, etcdKey } = settings;
  const given = FILES.filter((name) => settings[name] !== '');
  const texts = etcdEndpoints.split(',').map((text) => text.trim());
  const endpoints: EtcdEndpoint[] = [];
  for (const text of texts.filter((one) => one !== '')) {
    // As with etcdctl: whoever has certificates means TLS.
    const endpoint = readEndpoint(text, given.length > 0);
    if (!endpoint)
      return { fault: `${word('etcdEndpoints')} ${JSON.stringify(text)} is neither HOST:PORT nor https://HOST:PORT` };
    endpoints.push(endpoint);
  }
  const [first] = given;
  const relative = given.find((name) => !settings[name].startsWith('/'));
  const open = endpoints.find(({ secure }) => !secure);
  if (endpoints.length === 0)
    return { fault: `${word('etcdEndpoints')} is missing: where that etcd is, such as https://10.0.0.1:2379` };
  if (relative !== undefined)
    return { fault: `${word(relative)} ${JSON.stringify(settings[relative])} is not an absolute path` };
  if ((etcdCert === '') !== (etcdKey === '')) {
    const [one, other] = etcdKey === '' ? (['etcdCert', 'etcdKey'] as const) : (['etcdKey', 'etcdCert'] as const);
    return { fault: `${word(one)} without ${word(other)}: a certificate and its key are of use together only` };
  }
  if (first !== undefined && open)
    return { fault: `${word(first)} means nothing to ${endpointText(open)}, which is not encrypted: write https://` };
  return {
    endpoints,
    tls: {
      ...(etcdCACert === '' ? {} : { caFile: etcdCACert }),
      ...(etcdCert === '' ? {} : { certFile: etcdCert, keyFile: etcdKey }),
    },
  };
}

/** `https://HOST:PORT` */
export function endpointText({ secure, host, port }: EtcdEndpoint): string {
  return `${secure ? 'https' : 'http'}://${hostPort(host, port)}`;
}

function readEndpoint(text: string, secureByDefault: boolean): EtcdEndpoint | undefined {
  const [, scheme, bracketed, name, port = String(DEFAULT_PORT)] =
    /^(?:(https?):\/\/)?(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { secure: scheme === undefined ? secureByDefault : scheme === 'https', host, port: Number(port) };
}

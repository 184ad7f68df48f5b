/** What is wrong with a connection to etcd, in words of its settings. */
import { readFileSync } from 'node:fs';
import { KubevipError, messageOf } from '../model/errors.ts';
import { endpointText, type EtcdEndpoint, type EtcdTls } from '../model/etcd.ts';
import { errnoOf, unreadable } from './file-error.ts';

/** @throws KubevipError FILE_UNREADABLE naming the setting and the file. */
export function readTlsFiles({ caFile, certFile, keyFile }: EtcdTls): {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
} {
  return {
    ...(caFile === undefined ? {} : { ca: read('etcdCACert', caFile) }),
    ...(certFile === undefined ? {} : { cert: read('etcdCert', certFile) }),
    ...(keyFile === undefined ? {} : { key: read('etcdKey', keyFile) }),
  };
}

function read(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { message } = unreadable(path, errnoOf(error) === 'ENOENT' ? new Error('there is no such file') : error);
    throw new KubevipError(`${setting}: ${message}`, { code: 'FILE_UNREADABLE', cause: error });
  }
}

/** @param late it was given up, for it took too long */
export function whyNot(endpoint: EtcdEndpoint, error: unknown, tls: EtcdTls, late: boolean): KubevipError {
  if (error instanceof KubevipError) return error;
  const [why, ...hints] = late && errnoOf(error) !== 'ECONNREFUSED' ? SILENT : wordsFor(error, endpoint, tls);
  return new KubevipError(`etcd at ${endpointText(endpoint)}: ${why}`, {
    code: 'ETCD_UNREACHABLE',
    hints,
    cause: error,
  });
}

const SILENT = [
  'no answer in time',
  'Is its machine up, has etcd a majority of its members (etcdctl endpoint health), and does a firewall let port 2379 through?',
] as const;

/** OpenSSL’s words are in the message; Node makes codes of them that differ from version to version. */
function wordsFor(error: unknown, { secure, host }: EtcdEndpoint, tls: EtcdTls): readonly [string, ...string[]] {
  const code = errnoOf(error);
  const message = messageOf(error);
  const { caFile = 'the usual authorities', certFile, keyFile = '' } = tls;
  if (code === 'ECONNREFUSED') return ['connection refused', 'Is etcd running there, and is etcdEndpoints right?'];
  if (['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'].includes(code))
    return [`${host} cannot be reached (${code})`, 'Is etcdEndpoints right?'];
  if (UNTRUSTED.has(code))
    return [
      `its certificate is not signed by ${caFile}`,
      'etcdCACert must be the CA of etcd’s own certificates; kubeadm has it as /etc/kubernetes/pki/etcd/ca.crt.',
    ];
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return [`its certificate is not for ${host}`, 'Name the member in etcdEndpoints as its certificate does.'];
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return ['its certificate is out of date', 'Renew it, and look at the clocks of both machines.'];
  if (REFUSED.test(message))
    return [
      certFile === undefined ? 'it wants a client certificate' : `it refuses the client certificate ${certFile}`,
      'etcdCert and etcdKey must be a pair signed by the CA that etcd trusts for clients (--trusted-ca-file), for client authentication, and valid now.',
    ];
  if (NO_TLS.test(message)) return ['it speaks no TLS', 'Write http:// before it, without certificates.'];
  if (/key values mismatch/i.test(message))
    return [`${keyFile} is not the key of ${certFile}`, 'etcdCert and etcdKey must be a pair.'];
  if (code.startsWith('ERR_OSSL')) return [`the files of the certificate cannot be used: ${message}`];
  if (!secure && code === 'ECONNRESET') return ['it hangs up', 'It may want TLS: write https:// before it.'];
  return [message];
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);
/** Alerts with which the other side ends a handshake. */
const REFUSED = /alert (bad certificate|unsupported certificate|certificate \w+|unknown ca)\b/i;
const NO_TLS = /wrong version number|packet length too long/i;

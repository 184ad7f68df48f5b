/** How a joining kubelet gets its certificate: by bootstrap-kubelet.conf, which holds the token. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { Api } from '../cli/api.ts';
import { text } from '../cli/config.ts';
import { readKubeconfig } from '../cli/kubeconfig.ts';
import { CONF, KUBELET } from '../cli/paths.ts';
import { pem, writeSecretFile } from '../cli/pki.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CURRENT = `${KUBELET}/pki/kubelet-client-current.pem`;

/** @throws Error while the certificate is not to be had */
export async function bootstrapTls(nodeName: string): Promise<void> {
  const access = readKubeconfig(CONF.bootstrapKubelet);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ['system:nodes'] }, { CN: [`system:node:${nodeName}`] }],
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const body = await new Api(access).call('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'node-csr-' },
    spec: {
      request: Buffer.from(csr.toString('pem')).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    },
  });
  const certificate = text(body, 'status.certificate');
  if (certificate === '') throw new Error('the certificate request is not signed yet');
  mkdirSync(`${KUBELET}/pki`, { recursive: true });
  const key = pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  writeFileSync(CURRENT, `${Buffer.from(certificate, 'base64').toString()}${key}`, { mode: 0o600 });
  const ca = Buffer.from(access.ca ?? '').toString('base64');
  writeSecretFile(
    CONF.kubelet,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'default-cluster', cluster: { 'certificate-authority-data': ca, server: access.server } }],
      users: [{ name: 'default-auth', user: { 'client-certificate': CURRENT, 'client-key': CURRENT } }],
      contexts: [{ name: 'default-context', context: { cluster: 'default-cluster', user: 'default-auth' } }],
      'current-context': 'default-context',
    }),
  );
}

/**
 * Certificates for kubelets (certificates.k8s.io/v1): of the life of a request only its end is shown, since whoever may
 * make one and have it approved by itself gets it signed at once.
 */
import 'reflect-metadata';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAllowed } from '../../../../src/lab/apiserver/auth/rbac.ts';
import type { User } from '../../../../src/lab/apiserver/auth/user.ts';
import { signCertificate } from '../cli/pki.ts';
import { answer, bodyOf } from './http.ts';
import type { Kubernetes } from './kubernetes.ts';

export const CSR_PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

export async function answerCertificateRequest(
  cluster: Kubernetes,
  { user, allowed }: { readonly user: User | undefined; readonly allowed: boolean },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = JSON.parse(await bodyOf(request)) as { metadata: object; spec: { request: string } };
  if (user === undefined || !allowed) {
    const code = user === undefined ? 401 : 403;
    const reason = user === undefined ? 'Unauthorized' : 'Forbidden';
    answer(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: reason, reason, code });
    return;
  }
  const csr = new Pkcs10CertificateRequest(
    Buffer.from(
      Buffer.from(body.spec.request, 'base64')
        .toString()
        .replace(/-----[^-]+-----|\s/g, ''),
      'base64',
    ),
  );
  const name = csr.subjectName.getField('CN')[0] ?? '';
  const groups = csr.subjectName.getField('O');
  const approved =
    /^system:node:.+/.test(name) &&
    groups.join() === 'system:nodes' &&
    isAllowed(cluster.store, user, {
      verb: 'create',
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      subresource: 'nodeclient',
      namespace: '',
      name: '',
    });
  const signing = approved ? cluster.activeManager?.signing : undefined;
  const certificate =
    signing === undefined ? undefined : await signCertificate(signing, { name, groups }, csr.publicKey);
  answer(response, 201, {
    kind: 'CertificateSigningRequest',
    apiVersion: 'certificates.k8s.io/v1',
    ...body,
    status: certificate === undefined ? {} : { certificate: Buffer.from(certificate).toString('base64') },
  });
}

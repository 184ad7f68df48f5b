/** The certificate authority of this one server, and the certificate it serves with. */
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writePrivate } from './files.ts';

export interface ServingCertificate {
  /** PEM */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

type X509 = Awaited<ReturnType<typeof loadX509>>;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR_MS = 365 * 24 * 3600 * 1000;
/** Clocks of machines that look at the certificate may be behind. */
const BACKDATE_MS = 3600 * 1000;

/**
 * Reads the certificates in `directory`, and makes those that are missing or do not name all of `hosts`.
 * The authority is made once and stays, so kubeconfigs stay valid. Without a directory nothing is kept.
 */
export async function servingCertificate(
  directory: string | undefined,
  hosts: readonly string[],
  now: Date,
): Promise<ServingCertificate> {
  if (directory === undefined) {
    const library = await loadX509();
    const authority = await makeAuthority(library, now);
    return { ca: authority.cert, ...(await makeServing(library, authority.cert, authority.key, hosts, now)) };
  }
  const files = {
    ca: join(directory, 'ca.crt'),
    caKey: join(directory, 'ca.key'),
    cert: join(directory, 'server.crt'),
    key: join(directory, 'server.key'),
  };
  const complete = Object.values(files).every((file) => existsSync(file));
  if (complete && coversAll(readFileSync(files.cert, 'utf8'), hosts, now)) {
    return {
      ca: readFileSync(files.ca, 'utf8'),
      cert: readFileSync(files.cert, 'utf8'),
      key: readFileSync(files.key, 'utf8'),
    };
  }
  const library = await loadX509();
  if (!existsSync(files.ca) || !existsSync(files.caKey)) {
    const { cert, key } = await makeAuthority(library, now);
    writePrivate(files.caKey, key);
    writePrivate(files.ca, cert);
  }
  const ca = readFileSync(files.ca, 'utf8');
  const { cert, key } = await makeServing(library, ca, readFileSync(files.caKey, 'utf8'), hosts, now);
  writePrivate(files.key, key);
  writePrivate(files.cert, cert);
  return { ca, cert, key };
}

/** Loaded only when something has to be made: it costs 0.1 s. It needs the reflection polyfill first. */
async function loadX509() {
  await import('reflect-metadata');
  return await import('@peculiar/x509');
}

function coversAll(pem: string, hosts: readonly string[], now: Date): boolean {
  const certificate = new X509Certificate(pem);
  if (certificate.validToDate.getTime() < now.getTime() + YEAR_MS / 12) return false;
  return hosts.every(
    (host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
  );
}

async function makeAuthority(x509: X509, now: Date): Promise<{ cert: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=kubevip lab',
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + 10 * YEAR_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false),
    ],
  });
  return { cert: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

async function makeServing(
  x509: X509,
  ca: string,
  caKey: string,
  hosts: readonly string[],
  now: Date,
): Promise<{ cert: string; key: string }> {
  const authority = new x509.X509Certificate(ca);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const names = hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const parameters = {
    serialNumber: serialNumber(),
    subject: 'CN=kube-apiserver',
    issuer: authority.subject,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + 5 * YEAR_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(caKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(authority, false),
    ],
  };
  const certificate = await x509.X509CertificateGenerator.create(parameters);
  return { cert: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** Positive and unique: two authorities of one name must not share one. */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${bytes.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return await webcrypto.subtle.importKey('pkcs8', bytes, ALGORITHM, false, ['sign']);
}

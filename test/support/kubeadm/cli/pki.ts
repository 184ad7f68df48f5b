/** Certificates and keys as kubeadm makes them (phases/certs, util/pkiutil), on the P-256 curve to be quick. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { randomBytes, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { Failure, say } from './failure.ts';
import { PKI } from './paths.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR_MS = 365 * 24 * 3600 * 1000;
const BACKDATE_MS = 300_000;

export interface Identity {
  readonly name: string;
  readonly groups?: readonly string[];
}

export interface Pair {
  /** PEM */
  readonly cert: string;
  readonly key: string;
}

/** Names and addresses in a serving certificate. */
export type Sans = readonly string[];

export async function makeAuthority(name: string): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    ...validity(10),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await exportPrivate(keys.privateKey) };
}

export async function makeCertificate(authority: Pair, who: Identity, sans?: Sans): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const cert = await signCertificate(authority, who, keys.publicKey, sans);
  return { cert, key: await exportPrivate(keys.privateKey) };
}

/** For a key that stays where it is: a certificate signing request. `sans`: serves with it too. */
export async function signCertificate(
  authority: Pair,
  { name, groups = [] }: Identity,
  publicKey: webcrypto.CryptoKey | x509.PublicKey,
  sans?: Sans,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.cert);
  const usages = [x509.ExtendedKeyUsage.clientAuth, ...(sans === undefined ? [] : [x509.ExtendedKeyUsage.serverAuth])];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [...groups.map((group) => ({ O: [group] })), { CN: [name] }],
    issuer: issuer.subject,
    ...validity(1),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey: await importPrivate(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      ...(sans === undefined ? [] : [alternativeNames(sans)]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer, false),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function alternativeNames(sans: Sans): x509.Extension {
  return new x509.SubjectAlternativeNameExtension(
    sans.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
  );
}

function serial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

function validity(years: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + years * YEAR_MS) };
}

async function exportPrivate(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', key));
}

async function importPrivate(text: string): Promise<webcrypto.CryptoKey> {
  const bytes = Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return await webcrypto.subtle.importKey('pkcs8', bytes, ALGORITHM, false, ['sign']);
}

export function pem(label: string, bytes: ArrayBuffer): string {
  const body = Buffer.from(bytes)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd();
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

/** Keys are 0600, certificates 0644. */
export function writeSecretFile(path: string, content: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
}

interface CertificateSpec {
  /** Below the PKI folder, without extension. */
  readonly file: string;
  readonly authority: string;
  readonly who: Identity;
  readonly sans?: Sans;
}

const AUTHORITIES: Readonly<Record<string, string>> = {
  ca: 'kubernetes',
  'front-proxy-ca': 'front-proxy-ca',
  'etcd/ca': 'etcd-ca',
};

export interface PkiInput {
  readonly nodeName: string;
  readonly advertiseAddress: string;
  /** Names and addresses of the API server besides the usual ones. */
  readonly apiServerSans: Sans;
}

/** phases/certs/certlist.go */
function certificates({ nodeName, advertiseAddress, apiServerSans }: PkiInput): CertificateSpec[] {
  const etcdSans = [nodeName, 'localhost', advertiseAddress, '127.0.0.1', '::1'];
  return [
    { file: 'apiserver', authority: 'ca', who: { name: 'kube-apiserver' }, sans: apiServerSans },
    { file: 'apiserver-kubelet-client', authority: 'ca', who: { name: 'kube-apiserver-kubelet-client' } },
    { file: 'front-proxy-client', authority: 'front-proxy-ca', who: { name: 'front-proxy-client' } },
    { file: 'etcd/server', authority: 'etcd/ca', who: { name: nodeName }, sans: etcdSans },
    { file: 'etcd/peer', authority: 'etcd/ca', who: { name: nodeName }, sans: etcdSans },
    { file: 'etcd/healthcheck-client', authority: 'etcd/ca', who: { name: 'kube-etcd-healthcheck-client' } },
    { file: 'apiserver-etcd-client', authority: 'etcd/ca', who: { name: 'kube-apiserver-etcd-client' } },
  ];
}

/**
 * Makes what is missing and keeps what is there. A serving certificate that lacks a name is kept too, without a word:
 * seen with the real v1.36.2, after the control-plane endpoint had changed.
 */
export async function ensurePki(input: PkiInput): Promise<void> {
  for (const [file, name] of Object.entries(AUTHORITIES)) {
    if (isThere(file)) {
      say(`[certs] Using existing ${file} certificate authority`);
      continue;
    }
    say(`[certs] Generating "${file}" certificate and key`);
    store(file, await makeAuthority(name));
  }
  for (const { file, authority, who, sans } of certificates(input)) {
    if (isThere(file)) {
      say(`[certs] Using existing ${file} certificate and key on disk`);
      continue;
    }
    say(`[certs] Generating "${file}" certificate and key`);
    store(file, await makeCertificate(load(authority), who, sans));
    if (sans !== undefined) {
      const names = sans.filter((san) => isIP(san) === 0);
      const ips = sans.filter((san) => isIP(san) !== 0);
      say(`[certs] ${file} serving cert is signed for DNS names [${names.join(' ')}] and IPs [${ips.join(' ')}]`);
    }
  }
  if (existsSync(`${PKI}/sa.key`)) {
    say('[certs] Using the existing "sa" key');
    return;
  }
  say('[certs] Generating "sa" key and public key');
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  writeSecretFile(`${PKI}/sa.key`, await exportPrivate(keys.privateKey));
  writeSecretFile(`${PKI}/sa.pub`, pem('PUBLIC KEY', await webcrypto.subtle.exportKey('spki', keys.publicKey)));
}

function isThere(file: string): boolean {
  return existsSync(`${PKI}/${file}.crt`) && existsSync(`${PKI}/${file}.key`);
}

function store(file: string, { cert, key }: Pair): void {
  writeSecretFile(`${PKI}/${file}.key`, key);
  writeSecretFile(`${PKI}/${file}.crt`, cert, 0o644);
}

/** @throws Failure when it is not there */
export function load(file: string): Pair {
  try {
    return { cert: readFileSync(`${PKI}/${file}.crt`, 'utf8'), key: readFileSync(`${PKI}/${file}.key`, 'utf8') };
  } catch (error) {
    throw new Failure(`couldn't load the "${file}" certificate and key: ${(error as Error).message}`);
  }
}

/** `sha256:…` over the public key of an authority, by which joining nodes know it (util/pubkeypin). */
export async function publicKeyPin(cert: string): Promise<string> {
  const digest = await new x509.X509Certificate(cert).publicKey.getThumbprint('SHA-256');
  return `sha256:${Buffer.from(digest).toString('hex')}`;
}

import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { servingCertificate } from '../../../src/lab/apiserver/certificates.ts';

const directory = mkdtempSync(join(tmpdir(), 'kubevip-pki-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const now = new Date();
const hosts = ['localhost', '127.0.0.1', '10.77.0.1', '2001:db8::1'];

it('makes an authority and a certificate for all names, once', async () => {
  const made = await servingCertificate(directory, hosts, now);
  const [ca, cert] = [new X509Certificate(made.ca), new X509Certificate(made.cert)];
  expect(ca.ca).toBe(true);
  expect(cert.ca).toBe(false);
  expect(cert.verify(ca.publicKey)).toBe(true);
  expect(cert.checkIssued(ca)).toBe(true);
  expect(cert.checkHost('localhost')).toBe('localhost');
  for (const ip of hosts.slice(1)) expect(cert.checkIP(ip), ip).toBe(ip);
  expect(statSync(join(directory, 'ca.key')).mode & 0o777).toBe(0o600);
  expect(await servingCertificate(directory, hosts.slice(1), now)).toEqual(made);
});

it('makes a new certificate for new names and when it is about to end, with the same authority', async () => {
  const before = readFileSync(join(directory, 'ca.crt'), 'utf8');
  const other = await servingCertificate(directory, ['192.0.2.7'], now);
  expect(other.ca).toBe(before);
  expect(new X509Certificate(other.cert).checkIP('192.0.2.7')).toBe('192.0.2.7');
  const later = new Date(now.getTime() + 4.99 * 365 * 24 * 3600 * 1000);
  const renewed = await servingCertificate(directory, ['192.0.2.7'], later);
  expect(new X509Certificate(renewed.cert).validToDate.getTime()).toBeGreaterThan(later.getTime() + 1e9);
});

it('keeps nothing without a directory', async () => {
  const one = await servingCertificate(undefined, hosts, now);
  expect((await servingCertificate(undefined, hosts, now)).ca).not.toBe(one.ca);
});

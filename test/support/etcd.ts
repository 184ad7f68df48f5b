/** Debian's etcd with TLS on both sides, and the files that its clients need. */
import { join } from 'node:path';
import { runOrThrow } from '../../src/lab/exec.ts';

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface EtcdFiles {
  /** Paths, in PEM. */
  readonly ca: string;
  readonly member: KeyPair;
  readonly client: KeyPair;
  /** Another CA, and a client of it that etcd does not know. */
  readonly otherCa: string;
  readonly stranger: KeyPair;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** @param addresses of the members. @param dir where the files are written. */
export async function makeEtcdFiles(dir: string, addresses: readonly string[]): Promise<EtcdFiles> {
  const pair = (name: string): KeyPair => ({ cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) });
  const make = async (name: string, ...args: string[]): Promise<KeyPair> => {
    const { cert, key } = pair(name);
    const files = ['-keyout', key, '-out', cert, '-subj', `/CN=${name}`];
    await runOrThrow(['openssl', 'req', '-x509', ...NEW_KEY, ...files, ...args]);
    return { cert, key };
  };
  const signed = (name: string, by: KeyPair, usage: string, ...more: string[]): Promise<KeyPair> =>
    make(
      name,
      ...['-CA', by.cert, '-CAkey', by.key],
      ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', `extendedKeyUsage=${usage}`],
      ...more,
    );
  const ca = await make('etcd-ca');
  const otherCa = await make('other-ca');
  const names = `subjectAltName=${addresses.map((address) => `IP:${address}`).join(',')}`;
  return {
    ca: ca.cert,
    // A gateway is a client of its own member, with the certificate of that.
    member: await signed('member', ca, 'serverAuth,clientAuth', '-addext', names),
    client: await signed('client', ca, 'clientAuth'),
    otherCa: otherCa.cert,
    stranger: await signed('stranger', otherCa, 'clientAuth'),
  };
}

/** @param members addresses by name, all of them. */
export function etcdMember(
  name: string,
  members: Readonly<Record<string, string>>,
  dataDir: string,
  { ca, member }: EtcdFiles,
): string[] {
  const address = members[name] ?? '';
  const client = `https://${address}:2379`;
  const peer = `http://${address}:2380`;
  const all = Object.entries(members).map(([one, at]) => `${one}=http://${at}:2380`);
  return [
    'etcd',
    ...['--name', name, '--data-dir', dataDir, '--logger', 'zap'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', all.join(','), '--initial-cluster-state', 'new'],
    ...['--cert-file', member.cert, '--key-file', member.key, '--trusted-ca-file', ca, '--client-cert-auth'],
  ];
}

/** In its log: it serves clients. */
export function servesClients(log: string): boolean {
  return /serving client/.test(log);
}

/** The command line of etcdctl, for whoever has the files of a client. */
export function etcdctl(endpoints: readonly string[], { ca, client }: EtcdFiles, ...args: string[]): string[] {
  const files = ['--cacert', ca, '--cert', client.cert, '--key', client.key];
  return ['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints', endpoints.join(','), ...files, ...args];
}

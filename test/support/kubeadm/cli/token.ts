/** `kubeadm token create|list|delete|generate` (cmd/token.go). */
import { Api } from './api.ts';
import { bootstrapToken, duration, randomToken, requireToken, type Doc, list } from './config.ts';
import { Failure, say } from './failure.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { SECRETS, tokenSecret } from './objects.ts';
import { load, publicKeyPin } from './pki.ts';

export interface TokenFlags {
  readonly kubeconfig: string;
  readonly ttl: string | undefined;
  readonly description: string;
  readonly usages: readonly string[];
  readonly groups: readonly string[];
  readonly printJoinCommand: boolean;
  readonly output: string;
  /** From an InitConfiguration, when the token must not be on the command line. */
  readonly fromConfig: Doc | undefined;
}

export async function createToken(given: string | undefined, flags: TokenFlags): Promise<void> {
  const token = bootstrapToken({
    ...(flags.fromConfig ?? {
      token: given ?? randomToken(),
      ttl: flags.ttl ?? '24h',
      description: flags.description,
      usages: flags.usages,
      groups: flags.groups,
    }),
  });
  const access = readKubeconfig(flags.kubeconfig);
  const { code, body } = await new Api(access).ask('POST', SECRETS, tokenSecret(token));
  if (code === 409) {
    throw new Failure(`a token with id "${token.token.split('.')[0]}" already exists`);
  }
  if (code >= 300) throw new Failure(String(body['message']));
  const endpoint = access.server.replace('https://', '');
  say(
    flags.printJoinCommand
      ? `kubeadm join ${endpoint} --token ${token.token} --discovery-token-ca-cert-hash ${await publicKeyPin(load('ca').cert)} `
      : token.token,
  );
}

export async function listTokens({ kubeconfig, output }: TokenFlags): Promise<void> {
  const selector = encodeURIComponent('type=bootstrap.kubernetes.io/token');
  const path = `${SECRETS}?fieldSelector=${selector}`;
  const found = await new Api(readKubeconfig(kubeconfig)).call('GET', path).catch((error: unknown) => {
    throw new Failure(`failed to list bootstrap tokens: ${(error as Error).message}`);
  });
  const tokens = list(found, 'items').map(decoded);
  if (output === 'json') {
    // One document after the other, without a list around them: cmd/token.go prints each by itself.
    for (const token of tokens) {
      say(
        JSON.stringify(
          { kind: 'BootstrapToken', apiVersion: 'output.kubeadm.k8s.io/v1alpha3', creationTimestamp: null, ...token },
          null,
          4,
        ),
      );
    }
    return;
  }
  const rows = tokens.map(({ token, expires, usages, description, groups }) => [
    token,
    expires === undefined ? '<forever>' : shortly(Date.parse(expires) - Date.now()),
    expires ?? '<never>',
    usages.join(',') || '<none>',
    description === '' ? '<none>' : description,
    groups.join(',') || '<none>',
  ]);
  for (const row of [['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'], ...rows]) {
    say(row.map((cell) => cell.padEnd(24)).join('  '));
  }
}

function decoded(secret: Doc): {
  token: string;
  description: string;
  expires?: string;
  usages: string[];
  groups: string[];
} {
  const data = (secret['data'] ?? {}) as Record<string, string | undefined>;
  const value = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  const expires = value('expiration');
  const usages = Object.keys(data)
    .filter((key) => key.startsWith('usage-bootstrap-') && value(key) === 'true')
    .map((key) => key.slice('usage-bootstrap-'.length))
    .sort();
  return {
    token: `${value('token-id')}.${value('token-secret')}`,
    description: value('description'),
    ...(expires === '' ? {} : { expires }),
    usages,
    groups: value('auth-extra-groups').split(',').filter(Boolean),
  };
}

function shortly(milliseconds: number): string {
  const hours = Math.floor(milliseconds / 3_600_000);
  return hours > 0 ? `${hours}h` : `${Math.max(0, Math.floor(milliseconds / 60_000))}m`;
}

export async function deleteTokens(values: readonly string[], { kubeconfig }: TokenFlags): Promise<void> {
  if (values.length === 0) throw new Failure("missing argument; 'token delete' is missing token");
  const api = new Api(readKubeconfig(kubeconfig));
  for (const value of values) {
    if (!/^[a-z0-9]{6}$/.test(value)) requireToken(value, 'token');
    const [id = ''] = value.split('.');
    const { code, body } = await api.ask('DELETE', `${SECRETS}/bootstrap-token-${id}`);
    if (code >= 300) throw new Failure(`failed to delete bootstrap token "${id}": ${String(body['message'])}`);
    say(`bootstrap token "${id}" deleted`);
  }
}

/** Refuses what is no duration before anything is done. */
export function ttlOf(value: string | undefined): string | undefined {
  if (value !== undefined) duration(value);
  return value;
}

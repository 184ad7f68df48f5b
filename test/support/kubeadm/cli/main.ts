/** The `kubeadm` of a node: what `kubevip` calls of it, and a little more. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { readFacts, trace } from '../node/facts.ts';
import { readDocuments, type Doc, list } from './config.ts';
import { Failure, say, warn } from './failure.ts';
import { init, initContext, initPhase, type InitFlags } from './init.ts';
import { join } from './join.ts';
import { kubeconfigYaml } from './kubeconfig.ts';
import { imagesOf } from './manifests.ts';
import { CONF } from './paths.ts';
import { load, makeCertificate } from './pki.ts';
import { reset } from './reset.ts';
import { rulesOf } from './rules.ts';
import { createToken, deleteTokens, listTokens, ttlOf, type TokenFlags } from './token.ts';

const OPTIONS = {
  config: { type: 'string' },
  'cri-socket': { type: 'string' },
  'certificate-key': { type: 'string' },
  'client-name': { type: 'string' },
  description: { type: 'string' },
  'dry-run': { type: 'boolean' },
  force: { type: 'boolean', short: 'f' },
  groups: { type: 'string', multiple: true },
  'ignore-preflight-errors': { type: 'string', multiple: true },
  kubeconfig: { type: 'string' },
  'kubernetes-version': { type: 'string' },
  'node-name': { type: 'string' },
  org: { type: 'string', multiple: true },
  output: { type: 'string', short: 'o' },
  'print-join-command': { type: 'boolean' },
  'skip-certificate-key-print': { type: 'boolean' },
  'skip-phases': { type: 'string', multiple: true },
  'skip-token-print': { type: 'boolean' },
  ttl: { type: 'string' },
  'upload-certs': { type: 'boolean' },
  usages: { type: 'string', multiple: true },
  v: { type: 'string', short: 'v' },
  'validity-period': { type: 'string' },
} as const;

/** What may stand beside `--config`: apis/kubeadm/validation/validation.go, isAllowedFlag. */
const BESIDE_CONFIG =
  /^(config|skip-.*|ignore-preflight-errors|kubeconfig|dry-run|node-name|upload-certs|print-join-command|output|v)$/;

function read(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Failure((error as Error).message);
  }
}

const commas = (values: readonly string[] | undefined): string[] => (values ?? []).flatMap((value) => value.split(','));

async function main(argv: readonly string[]): Promise<void> {
  const facts = readFacts();
  trace(facts, { event: 'call', argv, pid: process.pid });
  const rules = rulesOf(facts.version);
  const { values, positionals } = read(argv);
  const [command = '', ...rest] = positionals;
  if (values.config !== undefined && ['init', 'join', 'reset', 'token'].includes(command)) {
    const mixed = Object.keys(values).filter((flag) => !BESIDE_CONFIG.test(flag));
    if (mixed.length > 0) throw new Failure(`can not mix '--config' with arguments [${mixed.join(' ')}]`);
  }
  const initFlags: InitFlags = {
    config: values.config,
    uploadCerts: values['upload-certs'] === true,
    skipTokenPrint: values['skip-token-print'] === true,
    skipCertificateKeyPrint: values['skip-certificate-key-print'] === true,
    skipPhases: commas(values['skip-phases']),
    ignorePreflightErrors: commas(values['ignore-preflight-errors']),
    certificateKey: values['certificate-key'] ?? '',
    nodeName: values['node-name'] ?? '',
  };
  switch (command) {
    case 'version':
      version(facts.version, values.output ?? '');
      return;
    case 'init': {
      const context = initContext(facts, rules, initFlags);
      if (rest[0] === 'phase') await initPhase(context, rest[1] ?? '');
      else await init(context);
      return;
    }
    case 'join':
      if (values.config === undefined) throw new Failure('the stand-in joins by --config only');
      await join(facts, rules, values.config, initFlags.ignorePreflightErrors);
      return;
    case 'reset':
      await reset(facts, rules, values.force === true);
      return;
    case 'token':
      await token(rest, {
        kubeconfig: values.kubeconfig ?? CONF.admin,
        ttl: ttlOf(values.ttl),
        description: values.description ?? '',
        usages: commas(values.usages),
        groups: commas(values.groups),
        printJoinCommand: values['print-join-command'] === true,
        output: values.output ?? '',
        fromConfig: values.config === undefined ? undefined : firstToken(readDocuments(values.config, rules)),
      });
      return;
    case 'kubeconfig': {
      if (rest[0] !== 'user') break;
      const { config } = initContext(facts, rules, initFlags);
      const name = values['client-name'] ?? '';
      const ca = load('ca');
      const pair = await makeCertificate(ca, { name, groups: values.org ?? [] });
      const server = `https://${config.cluster.controlPlaneEndpoint || `${config.endpoint.advertiseAddress}:${config.endpoint.bindPort}`}`;
      say(kubeconfigYaml({ server, ca: ca.cert, ...pair }, config.cluster.clusterName, name));
      return;
    }
    case 'config': {
      const { config } = initContext(facts, rules, initFlags);
      if (rest[0] === 'images' && (rest[1] === 'list' || rest[1] === 'pull')) {
        for (const image of imagesOf(config.cluster))
          say(rest[1] === 'list' ? image : `[config/images] Pulled ${image}`);
        return;
      }
      if (rest[0] === 'validate') {
        say('ok');
        return;
      }
      break;
    }
    case 'certs':
      if (rest[0] === 'certificate-key') {
        say(randomBytes(32).toString('hex'));
        return;
      }
      break;
  }
  throw new Failure(`unknown command "${positionals.join(' ')}" for "kubeadm"`);
}

function firstToken(documents: readonly Doc[]): Doc | undefined {
  return documents.flatMap((doc) => list(doc, 'bootstrapTokens'))[0];
}

async function token([verb = '', ...values]: readonly string[], flags: TokenFlags): Promise<void> {
  if (verb === 'create') await createToken(values[0], flags);
  else if (verb === 'list') await listTokens(flags);
  else if (verb === 'delete') await deleteTokens(values, flags);
  else throw new Failure(`unknown command "${verb}" for "kubeadm token"`);
}

function version(gitVersion: string, output: string): void {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
  if (output === 'short') say(gitVersion);
  else if (output === 'json') say(JSON.stringify({ clientVersion: { major, minor, gitVersion, platform } }, null, 2));
  else say(`kubeadm version: &version.Info{Major:"${major}", Minor:"${minor}", GitVersion:"${gitVersion}"}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  warn(`error: ${error.message}\nTo see the stack trace of this error execute with --v=5 or higher`);
  process.exitCode = 1;
}

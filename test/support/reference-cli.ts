/** Reference pages of the CLI: its commands as oclif knows them, exit codes and error codes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Config } from '@oclif/core';
import { loadConfig } from '../../src/cli/main.ts';
import { EXIT } from '../../src/model/errors.ts';
import { table } from './markdown.ts';
import { sources } from './sources.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export async function cliPage(): Promise<string> {
  const config = await loadConfig({ root: ROOT, name: 'kubevip', built: undefined });
  const commands = config.commands
    .filter(({ hidden, pluginName }) => !hidden && pluginName === config.name)
    .toSorted((a, b) => a.id.localeCompare(b.id));
  return [
    '# Commands',
    '',
    'Results are on stdout, progress and errors on stderr; [exit codes](exit-codes.md) say how it ended. Flags have the names',
    'of kubectl where it has them. `kubevip` is also a plugin of kubectl: as `kubectl-kubevip` on the PATH it is',
    '`kubectl kubevip`.',
    '',
    'This page is made from `src/commands` by `npm run docs`.',
    '',
    ...commands.flatMap((command) => commandSection(command, config)),
  ].join('\n');
}

function commandSection(command: Command.Loadable, config: Config): string[] {
  const fill = (text: string): string => text.replaceAll('<%= config.bin %>', config.bin);
  const words = command.id.replaceAll(':', ' ');
  const names = Object.values(command.args).map(({ name, required }) =>
    required === true ? name.toUpperCase() : `[${name.toUpperCase()}]`,
  );
  const usage = [command.usage ?? [words, ...names].join(' ')].flat().map((line) => `kubevip ${fill(line)}`);
  const args = Object.values(command.args).map(({ name, description = '', required }) => [
    `\`${name.toUpperCase()}\``,
    required === true ? description : `${description} (may be left out)`,
  ]);
  const shown = Object.values(command.flags).filter(({ hidden }) => hidden !== true);
  // kube-vip's flags have a page of their own.
  const many = shown.length > 40;
  const flags = shown
    .filter(({ helpGroup }) => !many || helpGroup === undefined || helpGroup === 'GLOBAL')
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((flag) => [flagText(flag), defaultOf(flag), fill(flag.description ?? flag.summary ?? '')]);
  return [
    `## \`kubevip ${words}\``,
    '',
    fill(command.summary ?? ''),
    '',
    ...(command.description === undefined ? [] : [fill(command.description), '']),
    '```console',
    ...usage.map((line) => `$ ${line}`),
    '```',
    '',
    ...(args.length === 0 ? [] : [table(['argument', 'meaning'], args), '']),
    ...(flags.length === 0 ? [] : [table(['flag', 'default', 'meaning'], flags), '']),
    ...(many ? ['Besides, kube-vip’s flags: [compatibility](../compatibility.md) has them all.', ''] : []),
    ...examplesOf(command, fill),
  ];
}

function flagText(flag: Command.Flag.Cached): string {
  const short = flag.char === undefined ? '' : `-${flag.char}, `;
  if (flag.type === 'boolean') return `\`${short}--${flag.allowNo ? '[no-]' : ''}${flag.name}\``;
  const value = [flag.helpValue ?? flag.options?.join('|') ?? 'VALUE'].flat().join(' ');
  return `\`${short}--${flag.name} ${value}\`${flag.multiple ? ', several times' : ''}`;
}

function defaultOf(flag: Command.Flag.Cached): string {
  return typeof flag.default === 'string' ? `\`${flag.default}\`` : '';
}

function examplesOf({ examples = [] }: Command.Loadable, fill: (text: string) => string): string[] {
  if (examples.length === 0) return [];
  const lines = examples.flatMap((example) =>
    typeof example === 'string'
      ? [`$ ${fill(example)}`]
      : [...(example.description === '' ? [] : [`# ${example.description}`]), `$ ${fill(example.command)}`],
  );
  return ['```console', ...lines, '```', ''];
}

const EXITS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Done; for `expose` this says that every stage holds and that nothing tried was silent',
  failed: 'It cannot be done as asked: a stage refused, a name does not exist, `status --check` saw problems',
  usage: 'The command line is wrong in itself; nothing was read or written',
  preflight: 'This machine or this Node cannot do it',
  unreachable: 'The cluster does not answer, or there is no kubeconfig',
  timeout: 'It was still under way when the time was up',
  partial:
    'The address works, and something beside it does not: router port, name, or the pods; for `handover`: some addresses could not leave',
  bug: 'Ours. Please report it with the lines above it',
  interrupted: 'Ctrl-C, or no to a question',
};

/** Every code of an error that a command can end with. The repo tests hold this against the sources. */
export const ERROR_CODES: Readonly<Record<string, readonly [keyof typeof EXIT, string]>> = {
  NO_SUCH_TARGET: ['failed', 'No such workload or Service in the namespace'],
  NO_SUCH_SERVICE: ['failed', 'No Service of that name'],
  NO_SELECTOR: ['failed', 'The workload has no labels by which a Service could find its pods'],
  PORT_NOT_IN_TARGET: ['failed', 'The pods declare ports, and this is none of them'],
  FOREIGN_SERVICE: ['failed', 'A Service of that name leads elsewhere'],
  NOT_OURS: ['failed', 'The Service belongs to another load balancer, or is to be ignored'],
  NOT_EXPOSED: ['failed', 'The Service is not exposed by kubevip'],
  NO_POOL: ['failed', 'No pool for the namespace'],
  OWN_WAY: ['failed', 'The API server is reached at the very address that would go'],
  NO_AGENTS: ['failed', 'No agent is there to do what is asked'],
  NO_SUCH_NODE: ['failed', 'No Node of that name'],
  NODE_ALONE: ['failed', 'No other node could have the addresses'],
  AGENT_BLIND: ['failed', 'The agent of the node does not see what is written on Nodes'],
  NO_PARENT_LINK: ['failed', 'A VLAN is to be on an interface that the node does not have'],
  NO_VLANS: ['failed', 'The kernel of the node cannot make interfaces for VLANs'],
  NO_WIREGUARD: ['failed', 'The node cannot make tunnels of WireGuard; the message says what is missing'],
  LINK_TAKEN: ['failed', 'A tunnel is to have the name of an interface that somebody else made'],
  WG_FAILED: ['failed', 'wg refused the configuration of a tunnel'],
  WIREGUARD_GO_FAILED: ['failed', 'wireguard-go could not make the interface of a tunnel'],
  BAD_SETTING: ['usage', 'A flag or variable of kube-vip’s has a value that it cannot have'],
  SETTINGS_REFUSED: ['usage', 'Flags of kube-vip’s that do not go together, or that our agent cannot follow'],
  PASSWORD_IN_CLEAR: ['usage', 'A password would stand in a manifest in clear'],
  INVALID_POOL: ['usage', 'A `--pool` or `--set` that is not NAME=VALUE'],
  BAD_POOL: ['usage', 'A pool that is to be written is no list of prefixes or ranges'],
  NO_SUCH_POOL: ['failed', 'No pool of that name'],
  ADDRESS_OUTSIDE_POOLS: ['failed', 'The address is in none of the pools of its family'],
  NO_SUCH_FAMILY: ['failed', 'The cluster does not have that IP family for Services'],
  STAGE_FAILED: ['failed', 'A stage of address, owner or announcement failed: which and why is in the text'],
  NO_AGENT: ['failed', 'No agent of kubevip answers for the Service'],
  SERVICE_GONE: ['failed', 'Somebody deleted the Service meanwhile'],
  FORBIDDEN: ['failed', 'The credentials may not do this; the missing RBAC rule is named'],
  UNAUTHORIZED: ['failed', 'The credentials are not accepted'],
  NOT_FOUND: ['failed', 'The API server has no such object'],
  ALREADY_EXISTS: ['failed', 'Somebody else made it first'],
  CONFLICT: ['failed', 'Somebody else changed it at the same time'],
  INVALID: ['failed', 'The API server refuses the object'],
  GONE: ['failed', 'The version asked for is too old'],
  TOO_MANY_REQUESTS: ['failed', 'The API server sheds load'],
  API_ERROR: ['failed', 'Any other refusal of the API server'],
  OTHER_PLAN: ['failed', 'This machine has begun, or finished, another `init` or `join`'],
  STEP_FAILED: ['failed', 'A step of `init`, `join` or `reset` failed; which and why is in the text'],
  KUBEADM_FAILED: ['failed', 'kubeadm ended with an error; its own words are in the text and in its log'],
  OWN_CA_GONE: ['failed', 'The authority that was given to the cluster was lost when an earlier `init` was taken back'],
  BAD_ADMIN_KUBECONFIG: ['failed', 'A kubeconfig of kubeadm cannot be read'],
  BAD_USER_KUBECONFIG: ['failed', 'The kubeconfig that is to learn of the cluster is none'],
  NO_ADMIN_KUBECONFIG: ['failed', 'This machine has no kubeconfig of an administrator: it is no control plane'],
  NO_CLUSTER_RECORD: ['failed', 'The cluster has no settings of kubevip: its `init` has not come to its end'],
  NO_NODE_CONFIG: ['failed', 'The configuration of this machine is gone'],
  NODE_NAME_TAKEN: ['failed', 'Another machine of that name is in the cluster'],
  VIP_SILENT: ['timeout', 'The control plane is up, and nothing answers at its virtual IP'],
  ROUTERS_SILENT: ['timeout', 'The control plane is up, and no router has been told of its virtual IP by BGP'],
  WRONG_CLUSTER: ['failed', 'Another cluster answers than the one the join code is for'],
  JOIN_CODE_REVOKED: ['failed', 'The cluster does not know the join code, or not any more'],
  NO_AUTHORITY: [
    'failed',
    'A join code names the authority of the cluster, and its certificate is not on this machine',
  ],
  NOT_CONTROL_PLANE: ['failed', 'Join codes are made on a control plane'],
  NO_SUCH_CODE: ['failed', 'No join code of that id'],
  MADE_BY_INIT: ['usage', 'A cluster of `init` that announces by BGP, for `install`'],
  OLD_AGENTS: [
    'usage',
    '`uninstall` where static pods of an earlier version serve Services, which cannot be told to stop',
  ],
  USAGE: ['usage', 'An unknown flag, a missing argument, flags that exclude each other'],
  UNKNOWN_COMMAND: ['usage', 'No such command'],
  UNKNOWN_KIND: ['usage', 'A kind that cannot be exposed'],
  INVALID_TARGET: ['usage', 'Not KIND/NAME'],
  INVALID_NAME: ['usage', 'A name that cannot be'],
  INVALID_PORT: ['usage', 'Not a port'],
  NO_PORT: ['usage', '--port is missing'],
  DUPLICATE_PORT: ['usage', 'A port twice'],
  INVALID_PROTOCOL: ['usage', 'Not tcp, udp or sctp'],
  INVALID_ADDRESS: ['usage', 'Not an address, or one that contradicts another flag'],
  INVALID_CHOICE: ['usage', 'None of the values of the flag'],
  INVALID_ROUTER: ['usage', 'Router ports that do not fit the ports of the Service'],
  INVALID_DURATION: ['usage', 'Not a duration'],
  INVALID_TYPE: ['usage', 'Not a service type (`discover`)'],
  FAMILY_FIXED: ['usage', 'A Service cannot change its first IP family'],
  NO_LINK: ['usage', 'No network interface to look on (`discover`)'],
  BAD_KUBECONFIG: ['usage', 'The kubeconfig cannot be read, or has no such context'],
  BAD_PASSWORD_FILE: ['usage', 'The file of `init --bgp-password-file` is not there, or holds no password for BGP'],
  BAD_BOOTSTRAP_CONFIG: ['usage', 'The configuration of `init` or `join` is wrong; every wrong key is named'],
  PREFLIGHT: ['preflight', 'Something stands in the way of `init` or `join`; every finding has its remedy'],
  FILE_NOT_WRITTEN: ['failed', 'A file or folder of this machine cannot be written or removed'],
  ETCD_UNREACHABLE: ['failed', 'No member of the etcd in which an agent elects serves; in its log, it goes on'],
  FILE_UNREADABLE: ['failed', 'A file of this machine cannot be read'],
  BUSY: ['failed', 'Another `init`, `join` or `reset` is at work on this machine'],
  RUN_NOT_FOUND: ['failed', 'A program is not installed'],
  RUN_FAILED: ['failed', 'A program could not be started'],
  RUN_KILLED: ['failed', 'A program was ended by a signal'],
  RUN_TIMEOUT: ['failed', 'A program did not come to its end'],
  RUN_ABORTED: ['failed', 'A program was called off'],
  RULES_FAILED: ['failed', 'iptables refused a change of the rules'],
  NFT_FAILED: ['failed', 'nft refused a change of the rules'],
  BGP_PASSWORD_TOO_LONG: ['failed', 'TCP MD5 takes passwords of 80 bytes at most'],
  HTTP_FAILED: ['failed', 'An HTTP server (a router, say) could not be asked'],
  HTTP_TIMEOUT: ['failed', 'An HTTP server did not answer in time'],
  HTTP_TOO_LARGE: ['failed', 'An HTTP server answered more than is taken'],
  MIXED_FAMILIES: ['failed', 'A connection from an IPv4 address to an IPv6 one, or the other way round'],
  FIX_FAILED: ['failed', '`--fix` could not change something'],
  FIX_NOT_UNDONE: ['failed', '`reset` could not take back something that `--fix` had changed'],
  BAD_CONFIG_FILE: ['usage', 'The file of `--config` cannot be read'],
  CONFIG_CHANGED: ['usage', '`init` again, with what cannot be changed any more'],
  BAD_JOIN_CODE: ['usage', 'Not a join code, or not whole, or mistyped, or of another version'],
  JOIN_CODE_EXPIRED: ['usage', 'The join code ran out'],
  WRONG_ROLE: ['usage', 'A join code for workers, used for a control plane'],
  NO_JOIN_CODE: ['usage', 'A join code is needed'],
  BAD_CODE_FILE: ['usage', 'The file of `--code-file` cannot be read'],
  TTL_TOO_LONG: ['usage', 'A code for a control plane cannot live that long'],
  NEEDS_YES: ['usage', '`reset` without a terminal'],
  NOT_SUPPORTED: ['preflight', 'Not on this operating system'],
  NOT_ROOT: ['preflight', 'It has to be root'],
  NO_KUBEADM: ['preflight', 'kubeadm is not installed'],
  KUBEADM_TOO_OLD: ['preflight', 'kubeadm is older than what is supported'],
  NO_NODE_IP: ['preflight', 'The machine has no address that could be its own in the cluster'],
  NO_KUBECONFIG: ['unreachable', 'No kubeconfig'],
  API_UNREACHABLE: ['unreachable', 'The API server does not answer'],
  API_TIMEOUT: ['unreachable', 'The API server is too slow'],
  API_TLS: ['unreachable', 'The certificate of the API server is not accepted'],
  CLUSTER_UNREACHABLE: ['unreachable', 'No cluster answers where the join code says'],
  TIMED_OUT: ['timeout', 'A stage, or a hand-over, was still under way'],
  STILL_LEAVING: ['timeout', 'An earlier Service of that name is still being removed'],
  PARTIAL: ['partial', 'The address works, the router port or the name does not'],
  NO_ANSWER: ['partial', 'Every stage holds, and nothing answers'],
  BUG: ['bug', 'Unexpected'],
  INTERRUPTED: ['interrupted', 'Ctrl-C'],
  ABORTED: ['interrupted', 'A call given up by Ctrl-C'],
  DECLINED: ['interrupted', 'No to a question'],
};

/** Codes that the sources of the commands (the lab's apart) give to errors. */
export function errorCodesInSource(): Set<string> {
  const folders = ['cli', 'workflows', 'commands', 'kube', 'cluster', 'manifests', 'linux'];
  const files = folders.flatMap((folder) => [...sources(join(ROOT, 'src', folder))]);
  const codes = new Set<string>();
  for (const file of files.filter((path) => !path.includes('/commands/lab/'))) {
    const text = readFileSync(file, 'utf8');
    for (const [, code = ''] of text.matchAll(/\b(?:usage\(\s*|fileError\(.*)'([A-Z][A-Z_]+)'/g)) codes.add(code);
    const lines = [...text.matchAll(/\bcode: .*/g)];
    // The union of codes of the API.
    if (file.endsWith('src/kube/errors.ts')) lines.push(...text.matchAll(/^ {2}\| .*/gm));
    for (const [line] of lines) for (const [, code = ''] of line.matchAll(/'([A-Z][A-Z_]+)'/g)) codes.add(code);
  }
  return codes;
}

export function exitCodesPage(): string {
  const exits = (Object.entries(EXIT) as [keyof typeof EXIT, number][]).map(([name, code]) => [
    String(code),
    name,
    EXITS[name],
  ]);
  const codes = Object.entries(ERROR_CODES).map(([code, [exit, meaning]]) => [
    `\`${code}\``,
    String(EXIT[exit]),
    meaning,
  ]);
  return [
    '# Exit codes',
    '',
    'Every command ends with one of these. Errors have a stable code in capitals besides (`Code: NO_POOL`), on stderr, or on',
    'stdout in the envelope of `--json`:',
    '',
    '```json',
    '{ "version": 1, "ok": false, "error": { "code": "NO_POOL", "message": "…", "exit": 1, "hints": ["…"] } }',
    '```',
    '',
    '`result` stands beside them where a command had got somewhere before it failed. Success is',
    '`{ "version": 1, "ok": true, "result": …, "warnings": [] }`. `version` is raised when a field goes or changes its',
    'meaning, not when one is added.',
    '',
    'This page is made from the code by `npm run docs`.',
    '',
    table(['code', 'name', 'means'], exits),
    '',
    '`kubevip lab exec` ends with the exit code of the command it ran.',
    '',
    '## Codes of errors',
    '',
    'What a stage says of itself (`STAGE_FAILED`, `TIMED_OUT`, `PARTIAL`) is in [conditions and Events](conditions.md). The',
    'lab has codes of its own, which say what to do.',
    '',
    table(['code', 'exit', 'means'], codes),
    '',
  ].join('\n');
}

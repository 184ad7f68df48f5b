/**
 * Settings from a file (`--config-file`, `config_file`), in YAML or JSON, with kube-vip's keys or the names of variables.
 * The environment wins over the file, and every key and value that cannot be is named at once.
 */
import { parseDocument } from 'yaml';
import { FILE_KEYS, fileKeys, IDLE_KEYS } from '../manifests/kube-vip/file-keys.ts';
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import { suggest } from '../model/suggest.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface FileSettings {
  readonly env: Readonly<Record<string, string>>;
  /** One line for each key that is known and does nothing. */
  readonly warnings: readonly string[];
}

/** Larger than any configuration, small enough for the memory of an agent. */
const MOST_BYTES = 256 * 1024;

/**
 * @param path of the file, for messages
 * @param variables names of all settings, kube-vip's and ours
 * @throws KubevipError BAD_SETTINGS_FILE (exit 2) with every fault.
 */
export function parseConfigFile(text: string, path: string, variables: readonly string[]): FileSettings {
  if (text.length > MOST_BYTES) throw refused(path, [`it is larger than ${MOST_BYTES / 1024} KiB`]);
  const document = parseDocument(text);
  if (document.errors.length > 0)
    throw refused(
      path,
      document.errors.map(({ message }) => message.split('\n')[0] ?? ''),
    );
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 10 });
  } catch (error) {
    throw refused(path, [messageOf(error)]);
  }
  if (root === null || root === undefined) return { env: {}, warnings: [] };
  if (!isMap(root)) throw refused(path, ['it is no map of settings']);
  return new Reader(variables).read(root, path);
}

class Reader {
  readonly #known: ReadonlyMap<string, string>;
  readonly #variables: readonly string[];
  readonly #env: Record<string, string> = {};
  /** By setting, the key that it came from. */
  readonly #from = new Map<string, string>();
  readonly #faults: string[] = [];
  readonly #warnings: string[] = [];

  constructor(variables: readonly string[]) {
    this.#variables = variables;
    this.#known = fileKeys(variables);
  }

  read(root: Readonly<Record<string, unknown>>, path: string): FileSettings {
    this.#map(root, '');
    if (this.#faults.length > 0) throw refused(path, this.#faults);
    return { env: this.#env, warnings: this.#warnings };
  }

  #map(map: Readonly<Record<string, unknown>>, prefix: string): void {
    for (const [key, value] of Object.entries(map)) this.#entry(`${prefix}${key}`, value);
  }

  #entry(key: string, value: unknown): void {
    const name = this.#known.get(key.toLowerCase());
    if (name === undefined) return this.#unknown(key, value);
    const before = this.#from.get(name);
    if (before !== undefined) return void this.#faults.push(`${before} and ${key} are the same setting`);
    const text = textOf(name, value);
    if (text === undefined)
      return void this.#faults.push(
        `${key}: ${JSON.stringify(value)} is neither text, number, boolean nor a list of such`,
      );
    this.#from.set(name, key);
    // Empty in the file is as good as not there.
    if (text !== '') this.#env[name] = text;
  }

  #unknown(key: string, value: unknown): void {
    const lower = key.toLowerCase();
    if (IDLE_KEYS.some((idle) => idle.toLowerCase() === lower))
      return void this.#warnings.push(`${key} in the configuration file does nothing, as in kube-vip`);
    if (lower === 'bgpconfig.peers') return this.#peers(key, value);
    if (isMap(value) && [...this.#known.keys()].some((known) => known.startsWith(`${lower}.`)))
      return this.#map(value, `${key}.`);
    const meant = suggest(key, [...FILE_KEYS, ...this.#variables]);
    this.#faults.push(`${key} is no setting${meant === undefined ? '' : ` (${meant}?)`}`);
  }

  /** kube-vip's objects of peers, as its variable has them: address:AS:password:multihop:port. */
  #peers(key: string, value: unknown): void {
    if (!Array.isArray(value) || !value.every(isMap)) return void this.#faults.push(`${key} is no list of peers`);
    const peers = value.map((peer, i) => {
      const lower = new Map(Object.entries(peer).map(([name, entry]) => [name.toLowerCase(), entry] as const));
      for (const name of lower.keys())
        if (!PEER_KEYS.includes(name)) this.#faults.push(`${key}[${i}].${name} is no setting of a peer`);
      const [address = '', as = '', password = '', multihop = '', port = ''] = PEER_KEYS.map((name) =>
        textOf('', lower.get(name)),
      );
      if (address === '') this.#faults.push(`${key}[${i}] has no address`);
      const host = address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
      return [host, as, password, multihop || 'false', ...(port === '' ? [] : [port])].join(':');
    });
    this.#entry('bgpPeers', peers);
  }
}

const PEER_KEYS = ['address', 'as', 'password', 'multihop', 'port'];

/** As the variable would have it. */
function textOf(name: string, value: unknown): string | undefined {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) {
    const texts = value.map((each: unknown) => (typeof each === 'object' ? undefined : textOf(name, each)));
    return texts.includes(undefined) ? undefined : texts.join(',');
  }
  return name === 'vip_leaseannotations' && isMap(value) ? JSON.stringify(value) : undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(path: string, faults: readonly string[]): KubevipError {
  return new KubevipError(`the configuration file ${path} is not right: ${faults.join('; ')}`, {
    code: 'BAD_SETTINGS_FILE',
    exit: EXIT.usage,
    hints: ['Its keys are those of kube-vip’s file, or names of variables: docs/reference/agent.md has them all.'],
  });
}

/**
 * The environment with what the file says besides.
 * @param read gives the text of a file; what it throws is told.
 * @throws KubevipError BAD_SETTINGS_FILE (exit 2).
 */
export function withConfigFile(
  env: Env,
  path: string | undefined,
  read: (path: string) => string,
  variables: readonly string[],
): { readonly env: Env; readonly warnings: readonly string[] } {
  if (path === undefined) return { env, warnings: [] };
  let text: string;
  try {
    text = read(path);
  } catch (error) {
    throw new KubevipError(`the configuration file ${path} cannot be read: ${messageOf(error)}`, {
      code: 'BAD_SETTINGS_FILE',
      exit: EXIT.usage,
      cause: error,
    });
  }
  const file = parseConfigFile(text, path, variables);
  const unset = Object.entries(file.env).filter(([name]) => !env[name]);
  return { env: { ...env, ...Object.fromEntries(unset) }, warnings: file.warnings };
}

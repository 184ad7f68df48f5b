/** `NAME=VALUE` flags that are given several times. */
import { EXIT, KubevipError } from '../model/errors.ts';

/**
 * `--pool NAMESPACE=ADDRESSES`; what is given for one namespace several times adds up.
 * @param unnamed namespace of a word without `=`; absent: there must be one.
 * @throws KubevipError INVALID_POOL (exit 2)
 */
export function readPools(words: readonly string[], unnamed?: string): Record<string, string> {
  const pools: Record<string, string> = {};
  for (const word of words) {
    const [name, addresses] =
      unnamed !== undefined && !word.includes('=') ? [unnamed, word] : readPair(word, 'pool', POOL_LIKE);
    pools[name] = name in pools ? `${pools[name] ?? ''},${addresses}` : addresses;
  }
  return pools;
}

/** `--set KEY=VALUE`. @throws KubevipError INVALID_POOL (exit 2) for a word without `=`, or a key given twice. */
export function readSettings(words: readonly string[]): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const word of words) {
    const [name, value] = readPair(word, 'set', SETTING_LIKE);
    if (name in settings) throw invalid(word, 'set', `gives ${name} a second time`, SETTING_LIKE);
    settings[name] = value;
  }
  return settings;
}

const POOL_LIKE = '--pool global=192.168.1.200-192.168.1.209';
const SETTING_LIKE = '--set search-order=desc';

function readPair(word: string, flag: string, like: string): readonly [name: string, value: string] {
  const at = word.indexOf('=');
  const name = word.slice(0, at).trim();
  if (at < 1) throw invalid(word, flag, 'has no `=`', like);
  if (!/^[\w.-]+$/.test(name)) throw invalid(word, flag, 'has no such name before `=`', like);
  return [name, word.slice(at + 1)];
}

function invalid(word: string, flag: string, why: string, like: string): KubevipError {
  return new KubevipError(`--${flag} ${JSON.stringify(word)} ${why}`, {
    code: 'INVALID_POOL',
    exit: EXIT.usage,
    hints: [`Write it like ${like}.`],
  });
}

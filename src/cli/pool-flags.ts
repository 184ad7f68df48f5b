/** `--pool NAMESPACE=ADDRESSES`, several times. */
import { EXIT, KubevipError } from '../model/errors.ts';

/** @throws KubevipError INVALID_POOL (exit 2) for a word without `=`, or a name given twice. */
export function readPools(words: readonly string[], flag: string): Record<string, string> {
  const pools: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, at).trim();
    const bad = at < 1 ? 'has no `=`' : !/^[\w.-]+$/.test(name) ? 'has no such name before `=`' : undefined;
    const why = bad ?? (name in pools ? `gives ${name} a second time` : undefined);
    if (why !== undefined) {
      throw new KubevipError(`--${flag} ${JSON.stringify(word)} ${why}`, {
        code: 'INVALID_POOL',
        exit: EXIT.usage,
        hints: ['Write it like --pool global=192.168.1.200-192.168.1.209.'],
      });
    }
    pools[name] = word.slice(at + 1);
  }
  return pools;
}

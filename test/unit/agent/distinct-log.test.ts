import { expect, it } from 'vitest';
import { createDistinctLog } from '../../../src/agent/distinct-log.ts';
import type { Logger } from '../../../src/agent/log.ts';

it('an error that comes again and again is said once, and again when it was another one meanwhile', () => {
  const said: string[] = [];
  const at = (level: string) => (_fields: object, words: string) => void said.push(`${level} ${words}`);
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const trouble = createDistinctLog(log, 'no port', 'warn');
  for (const text of ['in use', 'in use', 'denied', 'in use']) trouble('127.0.0.1:2112', new Error(text));
  trouble('127.0.0.1:2113', new Error('in use'));
  expect(said).toEqual(['warn no port', 'debug no port', 'warn no port', 'warn no port', 'warn no port']);
});

/** For what is repeated until it works: each text once, however often it comes in a row. */
import { messageOf } from '../model/errors.ts';
import type { Logger } from './log.ts';

/** @param words what is said with the topic and the error. */
export function createDistinctLog(
  log: Logger,
  words = 'not yet; tried again each second',
  level: 'info' | 'warn' = 'info',
): (topic: string, error: unknown) => void {
  const last = new Map<string, string>();
  return (topic, error) => {
    const message = messageOf(error);
    const news = last.get(topic) !== message;
    last.set(topic, message);
    log[news ? level : 'debug']({ topic, message }, words);
  };
}

/** JSON lines on standard output, as the cluster's log collectors expect them. */
import { destination, pino } from 'pino';

/** The part of pino that the agent uses. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export function createLogger(level: 'debug' | 'info' | 'warn' | 'error', node: string): Logger {
  const options = { level, base: { node }, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  return pino(
    { ...options, formatters: { level: (label) => ({ level: label }) } },
    destination({ dest: 1, sync: true }),
  );
}

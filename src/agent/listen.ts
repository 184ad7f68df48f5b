/** Where the agent is asked for its metrics and its health: kube-vip's `prometheus_server`. */
import { EXIT, KubevipError } from '../model/errors.ts';

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, or `:PORT` for every address. Undefined: nowhere. @throws KubevipError BAD_CONFIG */
export function readListen(text: string): Listen | undefined {
  if (text === '') return undefined;
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65535) {
    throw new KubevipError(`prometheus_server: ${JSON.stringify(text)} is not HOST:PORT or :PORT`, {
      code: 'BAD_CONFIG',
      exit: EXIT.usage,
    });
  }
  return { host: (match[1] || '0.0.0.0').replace(/^\[|\]$/g, ''), port };
}

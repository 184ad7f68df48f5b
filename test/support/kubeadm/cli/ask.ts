/**
 * One request from a node, as the holder of a kubeconfig: `ask.ts CONF METHOD PATH [SERVER]`, the body on standard
 * input. Prints the code and the body. For tests: what may this identity do, and who answers there?
 */
import { readFileSync } from 'node:fs';
import { Api, type Method } from './api.ts';
import type { Doc } from './config.ts';
import { Failure } from './failure.ts';
import { readKubeconfig } from './kubeconfig.ts';

const [conf = '', method = 'GET', path = '/', server] = process.argv.slice(2);
const body = readFileSync(0, 'utf8');
try {
  const access = readKubeconfig(conf);
  const api = new Api(server === undefined ? access : { ...access, server, serverName: 'kubernetes' });
  const type = method === 'PATCH' ? 'application/merge-patch+json' : undefined;
  const answer = await api.ask(method as Method, path, body === '' ? undefined : (JSON.parse(body) as Doc), type);
  process.stdout.write(JSON.stringify(answer));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stdout.write(JSON.stringify({ code: 0, body: { message: error.message } }));
}

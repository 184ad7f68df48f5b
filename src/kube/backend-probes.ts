/** How the API servers behind the VIP are, each asked at its own address. */
import type { AskedBackend, BackendAnswer, BackendProbes } from '../exposure/control-plane/balance/port.ts';
import { hostPort } from '../model/ip.ts';
import type { Credentials } from './credentials.ts';
import { askAndStay, type NotServing } from './readiness.ts';

/** In the certificate of every API server, whichever address it is asked at. */
const SERVER_NAME = 'kubernetes';

export function createBackendProbes(credentials: Credentials, answers: BackendProbes['answers']): BackendProbes {
  return {
    answers,
    async ask({ ip, port }, timeout, onLost): Promise<AskedBackend> {
      const url = new URL(`${credentials.server.protocol}//${hostPort(ip, port)}/readyz`);
      const { why, release } = await askAndStay(credentials, { url, serverName: SERVER_NAME, timeout }, onLost);
      return { answer: answerOf(why), release };
    },
  };
}

function answerOf(why: NotServing | undefined): BackendAnswer {
  if (!why) return { state: 'ready' };
  const { kind, message } = why;
  return { state: kind === 'down' ? 'dead' : kind === 'silent' ? 'silent' : 'out', message };
}

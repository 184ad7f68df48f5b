/** `/metrics`, `/healthz`, `/readyz` and `/failovers`: real answers, with the reason when they are not good. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { Registry } from 'prom-client';
import type { FailoverRecord } from '../model/failover-record.ts';

export interface Health {
  /** Undefined: fine. */
  readonly unhealthy?: string;
  readonly notReady?: string;
}

/** Listens until closed. @throws when the address is taken. */
export async function serveHttp(
  listen: { readonly host: string; readonly port: number },
  registry: Registry,
  health: () => Health,
  failovers: () => readonly FailoverRecord[],
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const verdict = (problem: string | undefined): void =>
      answer(problem === undefined ? 200 : 503, 'text/plain', `${problem ?? 'ok'}\n`);
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return verdict(health().unhealthy);
      case '/readyz':
        return verdict(health().unhealthy ?? health().notReady);
      case '/failovers':
        return answer(200, 'application/json', `${JSON.stringify({ version: 1, failovers: failovers() })}\n`);
      case '/metrics':
        registry.metrics().then(
          (text) => answer(200, registry.contentType, text),
          (error: unknown) => answer(500, 'text/plain', String(error)),
        );
        return;
      default:
        return answer(404, 'text/plain', 'try /metrics, /healthz, /readyz or /failovers\n');
    }
  });
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  return server;
}

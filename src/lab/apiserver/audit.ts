/** Who did what: one JSON line for each request, in the shape of the real audit log. Bodies are never in it. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import type { User } from './auth/user.ts';
import type { RequestInfo } from './http/request-info.ts';

export interface AuditLog {
  record(entry: {
    user: User;
    info: RequestInfo;
    uri: string;
    agent: string;
    code: number;
    milliseconds: number;
  }): void;
  close(): void;
}

export function noAudit(): AuditLog {
  return { record: () => undefined, close: () => undefined };
}

export function fileAudit(path: string, now: () => Date): AuditLog {
  const file = openSync(path, 'a', 0o600);
  return {
    record({ user, info, uri, agent, code, milliseconds }) {
      const line = {
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level: 'Metadata',
        auditID: randomUUID(),
        stage: 'ResponseComplete',
        requestURI: uri,
        verb: info.verb,
        user: { username: user.name, groups: user.groups },
        userAgent: agent,
        ...(info.kind === 'path'
          ? {}
          : {
              objectRef: {
                resource: info.resource,
                subresource: info.subresource,
                namespace: info.namespace,
                name: info.name,
                apiGroup: info.group,
                apiVersion: info.version,
              },
            }),
        responseStatus: { code },
        stageTimestamp: now().toISOString(),
        latency: `${milliseconds.toFixed(3)}ms`,
      };
      writeSync(file, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(file),
  };
}

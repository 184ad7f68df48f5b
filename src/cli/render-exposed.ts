/** What `expose` prints on stdout: the URLs, and how sure they are. */
import type { Endpoint, ExposeResult } from '../workflows/expose/result.ts';
import type { Plan } from '../workflows/expose/plan.ts';
import { renderTable } from './table.ts';

export function renderExposed({ endpoints }: ExposeResult): string {
  if (endpoints.length === 0) return '';
  const rows = endpoints.map((endpoint) => ({ url: endpoint.url, note: noteOf(endpoint) }));
  return renderTable(
    [
      { header: 'url', value: ({ url }) => url },
      { header: 'where', value: ({ note }) => note },
    ],
    rows,
  )
    .split('\n')
    .slice(1)
    .join('\n');
}

function noteOf({ scope, note }: Endpoint): string {
  const where = { lan: 'on the LAN', name: 'on the LAN, by name', internet: 'from the Internet' }[scope];
  return `${where} (${note})`;
}

/** `--dry-run`: the Service as JSON, which kubectl applies as well as YAML. */
export function renderPlan({ service, existing }: Plan): string {
  const { metadata, ...others } = service;
  const { apiVersion = 'v1', kind = 'Service', spec } = others;
  const { name, namespace, labels, annotations } = metadata;
  const shown = { apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec };
  return `${existing ? `# changes Service ${name}` : `# creates Service ${name}`}\n${JSON.stringify(shown, null, 2)}`;
}

/** What the ConfigMap of a cluster of `kubevip init` says, for those who have no use for the whole configuration. */
import { parse, stringify } from 'yaml';
import type { ConfigMap } from '../model/kubernetes.ts';

export interface ClusterRecord {
  readonly byBgp: boolean;
  /** Agents serve Services in this cluster. */
  readonly servesServices: boolean;
}

interface Content {
  readonly controlPlane?: { readonly bgpPeers?: unknown };
  readonly services?: { readonly enabled?: unknown };
}

/** What cannot be read says nothing: then Services are served as ever. */
export function readClusterRecord(map: Pick<ConfigMap, 'data'> | undefined): ClusterRecord {
  const { controlPlane, services } = contentOf(map) ?? {};
  const peers = controlPlane?.bgpPeers;
  return {
    byBgp: Array.isArray(peers) && peers.length > 0,
    servesServices: services?.enabled !== false,
  };
}

/** The `data.config` of a cluster in which nobody serves Services any more; undefined: it says nothing that could. */
export function withoutServices(map: Pick<ConfigMap, 'data'>): string | undefined {
  const content = contentOf(map);
  if (content === undefined) return undefined;
  return stringify({ ...content, services: { ...content.services, enabled: false } }, { lineWidth: 0 });
}

function contentOf(map: Pick<ConfigMap, 'data'> | undefined): Content | undefined {
  try {
    const content: unknown = parse(map?.data?.['config'] ?? '');
    return typeof content === 'object' && content !== null ? content : undefined;
  } catch {
    return undefined;
  }
}

/** What an agent says of itself on its presence Lease: annotation `kubevip.dev/agent`. */
import { KEY } from './annotations.ts';
import type { Lease } from './kubernetes.ts';

export interface AgentInfo {
  readonly version: string;
  /** `honor_exclude_label` */
  readonly honorsExcludeLabel: boolean;
  /** It knows what is written on Node objects, so that `kubevip handover` reaches it. */
  readonly seesNodes: boolean;
  /** Every node that can serve a Service announces its addresses, not their owner alone. */
  readonly everyNode?: boolean;
  /** Nodes whose agents are alive, send heartbeats, and are not heard by this one. */
  readonly unheard?: readonly string[];
}

export function writeAgentInfo(info: AgentInfo): Readonly<Record<string, string>> {
  return { [KEY.agent]: JSON.stringify(info) };
}

/** Only what is there: an older agent says less, and anybody may edit a Lease. */
export function readAgentInfo({ metadata }: Lease): Partial<AgentInfo> {
  let value: unknown;
  try {
    value = JSON.parse(metadata.annotations?.[KEY.agent] ?? '{}');
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const { version, honorsExcludeLabel, seesNodes, everyNode, unheard } = value as Partial<
    Record<keyof AgentInfo, unknown>
  >;
  return {
    ...(typeof version === 'string' ? { version } : {}),
    ...(typeof honorsExcludeLabel === 'boolean' ? { honorsExcludeLabel } : {}),
    ...(typeof seesNodes === 'boolean' ? { seesNodes } : {}),
    ...(typeof everyNode === 'boolean' ? { everyNode } : {}),
    ...(Array.isArray(unheard) ? { unheard: unheard.filter((node) => typeof node === 'string') } : {}),
  };
}

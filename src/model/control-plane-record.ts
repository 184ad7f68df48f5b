/** What the owner of the control-plane VIP says on its Lease: annotation `kubevip.dev/control-plane`. */
import { KEY } from './annotations.ts';
import { parseIp, type Ip } from './ip.ts';
import type { Lease } from './kubernetes.ts';

export interface ControlPlaneRecord {
  /** Of kubevip. */
  readonly version: string;
  readonly addresses: readonly Ip[];
  readonly port: number;
  /** Names published by mDNS, hosts and instances, after any renaming: the next owner announces them at once. */
  readonly names: readonly string[];
  /** The agent leaves with the VIP when its Lease says so (`kubevip handover`). */
  readonly handsOver: boolean;
  /** Every control plane that serves announces the VIP, not its owner alone. */
  readonly everyNode: boolean;
}

export function writeControlPlaneRecord(record: ControlPlaneRecord): Readonly<Record<string, string>> {
  return { [KEY.controlPlane]: JSON.stringify(record) };
}

/** Only what is there and makes sense: kube-vip writes none of it, and anybody may edit a Lease. */
export function readControlPlaneRecord(lease: Lease | undefined): Partial<ControlPlaneRecord> {
  let value: unknown;
  try {
    value = JSON.parse(lease?.metadata.annotations?.[KEY.controlPlane] ?? '{}');
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const { version, addresses, port, names, handsOver, everyNode } = value as Partial<
    Record<keyof ControlPlaneRecord, unknown>
  >;
  return {
    ...(typeof version === 'string' ? { version } : {}),
    ...(Array.isArray(addresses) ? { addresses: texts(addresses).flatMap((text) => parseIp(text) ?? []) } : {}),
    ...(typeof port === 'number' ? { port } : {}),
    ...(Array.isArray(names) ? { names: texts(names) } : {}),
    ...(typeof handsOver === 'boolean' ? { handsOver } : {}),
    ...(typeof everyNode === 'boolean' ? { everyNode } : {}),
  };
}

/** Names of the nodes that the VIP stays away from, in order. */
export function readStayAway(lease: Lease | undefined): string[] {
  return (lease?.metadata.annotations?.[KEY.stayAway] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .sort();
}

function texts(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

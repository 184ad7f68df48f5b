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
  const { version, addresses, port, names } = value as Partial<Record<keyof ControlPlaneRecord, unknown>>;
  return {
    ...(typeof version === 'string' ? { version } : {}),
    ...(Array.isArray(addresses) ? { addresses: texts(addresses).flatMap((text) => parseIp(text) ?? []) } : {}),
    ...(typeof port === 'number' ? { port } : {}),
    ...(Array.isArray(names) ? { names: texts(names) } : {}),
  };
}

function texts(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

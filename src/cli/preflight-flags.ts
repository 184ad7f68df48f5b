/** Flags of `doctor` as what preflight needs to know. */
import type { PreflightRequest } from '../cluster/preflight/request.ts';
import { readConfigInput } from './bootstrap-flags.ts';

export interface PreflightFlags {
  readonly role: 'control-plane' | 'worker';
  readonly config?: string | undefined;
  readonly vip?: string | undefined;
  readonly interface?: string | undefined;
  readonly 'cri-socket'?: string | undefined;
  readonly 'node-name'?: string | undefined;
  readonly ignore?: readonly string[] | undefined;
}

/**
 * Flags go before the file. With a VIP the machine is looked at as the first one of a cluster, on which the VIP must
 * be free. @throws KubevipError BAD_BOOTSTRAP_CONFIG (exit 2)
 */
export async function readPreflightFlags(flags: PreflightFlags): Promise<PreflightRequest> {
  const [{ parseBootstrapConfig, vipAddresses }, { preflightRequest }] = await Promise.all([
    import('../cluster/config.ts'),
    import('../cluster/preflight/from-config.ts'),
  ]);
  const { document = {}, source } = await readConfigInput(flags);
  const config = parseBootstrapConfig(document, flags.role, source);
  const first = flags.role === 'control-plane' && vipAddresses(config).length > 0;
  const request = preflightRequest(config, first ? 'init' : flags.role, { ignore: flags.ignore ?? [] });
  return flags.role === 'worker' ? { ...request, vips: [] } : request;
}

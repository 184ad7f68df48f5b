/** Flags of `doctor` as what preflight needs to know. */
import { readFileSync } from 'node:fs';
import type { PreflightRequest } from '../cluster/preflight/request.ts';
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';

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
  const [{ parseBootstrapConfig, vipAddresses }, { preflightRequest }, { parse }] = await Promise.all([
    import('../cluster/config.ts'),
    import('../cluster/preflight/from-config.ts'),
    import('yaml'),
  ]);
  const file = flags.config === undefined ? {} : asObject(parse(readConfig(flags.config)));
  const controlPlane = {
    ...asObject(file['controlPlane']),
    ...(flags.vip === undefined ? {} : { vip: flags.vip }),
    ...(flags.interface === undefined ? {} : { interface: flags.interface }),
  };
  const config = parseBootstrapConfig(
    {
      ...file,
      ...(flags['cri-socket'] === undefined ? {} : { criSocket: flags['cri-socket'] }),
      ...(flags['node-name'] === undefined ? {} : { nodeName: flags['node-name'] }),
      controlPlane,
    },
    flags.role,
    flags.config ?? 'the flags',
  );
  const first = flags.role === 'control-plane' && vipAddresses(config).length > 0;
  const request = preflightRequest(config, first ? 'init' : flags.role, { ignore: flags.ignore ?? [] });
  return flags.role === 'worker' ? { ...request, vips: [] } : request;
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KubevipError(`cannot read --config ${path}: ${messageOf(cause)}`, {
      code: 'BAD_BOOTSTRAP_CONFIG',
      exit: EXIT.usage,
      cause,
    });
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Flags of `kubevip install` as the configuration of the workflow. */
import { EXIT, KubevipError } from '../model/errors.ts';
import { readEndpoint } from '../manifests/kube-vip/address.ts';
import type { InstallConfig } from '../workflows/install/objects.ts';
import { readPools } from './pool-flags.ts';

export interface InstallFlags {
  readonly pool?: readonly string[] | undefined;
  readonly interface?: string | undefined;
  readonly 'honor-exclude-label': boolean;
  readonly 'control-plane'?: string | undefined;
  readonly 'control-plane-port'?: string | undefined;
  readonly image?: string | undefined;
  readonly wireguard: boolean;
}

/** @throws KubevipError INVALID_POOL, BAD_SETTING, INVALID_PORT (all exit 2) */
export function readInstallConfig(flags: InstallFlags): InstallConfig {
  const { pool, interface: link, image, 'control-plane': address } = flags;
  if (address !== undefined) readEndpoint(address, '--control-plane');
  const port = readPort(flags['control-plane-port']);
  return {
    excludeLabel: flags['honor-exclude-label'] ? 'honor' : 'ignore',
    ...(pool === undefined ? {} : { pools: readPools(pool) }),
    ...(link === undefined ? {} : { interface: link }),
    ...(image === undefined ? {} : { image }),
    ...(flags.wireguard ? { wireguard: true } : {}),
    ...(address === undefined
      ? {}
      : {
          controlPlane: {
            address,
            ...(port === undefined ? {} : { port }),
            ...(link === undefined ? {} : { interface: link }),
          },
        }),
  };
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw new KubevipError(`--control-plane-port ${JSON.stringify(text)} is not a port`, {
      code: 'INVALID_PORT',
      exit: EXIT.usage,
    });
  }
  return port;
}

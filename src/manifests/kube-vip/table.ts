/**
 * Every flag and environment variable of kube-vip 1.2.3, once. The flags of `kubevip manifest` and `kubevip kubeadm`,
 * what they read from the environment, what the agent knows by name, and docs/compatibility.md are made from it.
 */
import { CONTROL_PLANE_SETTINGS } from './settings-control-plane.ts';
import { NETWORK_SETTINGS } from './settings-network.ts';
import { PROCESS_SETTINGS } from './settings-process.ts';
import { SERVICE_SETTINGS } from './settings-services.ts';
import type { Setting, ValueOf } from './setting.ts';

export const SETTINGS = {
  ...CONTROL_PLANE_SETTINGS,
  ...SERVICE_SETTINGS,
  ...NETWORK_SETTINGS,
  ...PROCESS_SETTINGS,
};

type Table = typeof SETTINGS;
/** Name of the environment variable, or of the flag where there is no variable. */
export type SettingName = keyof Table;
export type Values = { readonly [Name in SettingName]: ValueOf<Table[Name]> };

export const ROWS = Object.entries(SETTINGS) as readonly (readonly [SettingName, Setting])[];

/** Which kube-vip the table is of, and which its image means without a tag. */
export const KUBE_VIP_VERSION = 'v1.2.3';

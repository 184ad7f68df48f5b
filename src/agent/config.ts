/** The agent's settings: kube-vip's environment variables under their own names, and ours with `kubevip_`. */
import { z } from 'zod';
import { DEFAULT_CLASS } from '../model/annotations.ts';
import { EXIT, KubevipError } from '../model/errors.ts';

const bool = (fallback: boolean): z.ZodType<boolean> =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === '') return fallback;
      if (/^(1|t|true)$/i.test(text)) return true;
      if (/^(0|f|false)$/i.test(text)) return false;
      context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is neither true nor false` });
      return z.NEVER;
    });

const seconds = (fallback: number): z.ZodType<number> => z.coerce.number().int().min(1).max(3600).default(fallback);

const schema = z.object({
  vip_nodename: z.string().default(''),
  svc_enable: bool(true),
  svc_namespace: z.string().default(''),
  svc_leasename: z.string().default('plndr-svcs-lock'),
  cp_namespace: z.string().default('kube-system'),
  vip_interface: z.string().default(''),
  vip_servicesinterface: z.string().default(''),
  lb_class_name: z.string().default(DEFAULT_CLASS),
  lb_class_only: bool(false),
  // kube-vip's defaults are 15/10/2; at 5/3/1 its measured outage is less than half (ADR 0006).
  vip_leaseduration: seconds(5),
  vip_renewdeadline: seconds(3),
  vip_retryperiod: seconds(1),
  enable_upnp: bool(true),
  honor_exclude_label: bool(false),
  svc_withdraw: bool(false),
  conflict_policy: z.enum(['defend', 'yield']).default('defend'),
  prometheus_server: z.string().default(':2112'),
  k8s_config_file: z.string().default(''),
  vip_loglevel: z.coerce.number().int().default(0),
  kubevip_netns: z.string().default(''),
  kubevip_configmap: z.string().default('kubevip'),
  kubevip_configmap_namespace: z.string().default('kube-system'),
});

export interface AgentConfig {
  readonly node: string;
  /** Namespace watched; undefined: all. */
  readonly watchNamespace?: string;
  /** Namespace of our Leases. */
  readonly namespace: string;
  /** kube-vip's global Lease: whoever holds it gives out addresses, and a kube-vip stays aside. */
  readonly allocatorLease: string;
  /** `svc_enable`; without it the node is only rid of what an earlier run may have left. */
  readonly servicesEnabled: boolean;
  readonly rules: { readonly className: string; readonly classOnly: boolean; readonly withdraw: boolean };
  /** Nodes with Kubernetes' exclude label own nothing. */
  readonly honorExcludeLabel: boolean;
  /** What happens to an address that another machine claims, where its Service does not say. */
  readonly conflictPolicy: 'defend' | 'yield';
  /** Undefined: the interface with the default route. */
  readonly link?: string;
  /** Milliseconds. */
  readonly lease: { readonly duration: number; readonly renewDeadline: number; readonly retryPeriod: number };
  readonly routerEnabled: boolean;
  /** Host and port of `/metrics`, `/healthz`, `/readyz`; undefined: none. */
  readonly listen?: { readonly host: string; readonly port: number };
  readonly kubeconfig?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Network namespace to work in, by name; for trying several nodes on one machine. */
  readonly netns?: string;
  readonly configMap: { readonly name: string; readonly namespace: string };
}

/** @throws KubevipError BAD_CONFIG naming each variable that is wrong. */
export function readConfig(env: Readonly<Record<string, string | undefined>>, hostname: string): AgentConfig {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new KubevipError(`the agent's environment is not right: ${lines.join('; ')}`, {
      code: 'BAD_CONFIG',
      exit: EXIT.usage,
    });
  }
  const v = parsed.data;
  const lease = {
    duration: v.vip_leaseduration * 1000,
    renewDeadline: v.vip_renewdeadline * 1000,
    retryPeriod: v.vip_retryperiod * 1000,
  };
  if (lease.duration <= lease.renewDeadline || lease.renewDeadline <= lease.retryPeriod * 1.2) {
    throw new KubevipError(
      `lease times do not fit: vip_leaseduration (${v.vip_leaseduration}s) > vip_renewdeadline (${v.vip_renewdeadline}s) > 1.2 × vip_retryperiod (${v.vip_retryperiod}s) must hold`,
      { code: 'BAD_CONFIG', exit: EXIT.usage },
    );
  }
  const link = v.vip_servicesinterface || v.vip_interface;
  const listen = readListen(v.prometheus_server);
  const kubeconfig = v.k8s_config_file || env['KUBECONFIG'];
  return {
    node: (v.vip_nodename || hostname).toLowerCase(),
    namespace: v.cp_namespace,
    allocatorLease: v.svc_leasename,
    servicesEnabled: v.svc_enable,
    rules: { className: v.lb_class_name, classOnly: v.lb_class_only, withdraw: v.svc_withdraw },
    honorExcludeLabel: v.honor_exclude_label,
    conflictPolicy: v.conflict_policy,
    lease,
    routerEnabled: v.enable_upnp,
    logLevel: v.vip_loglevel <= -4 ? 'debug' : v.vip_loglevel < 4 ? 'info' : v.vip_loglevel < 8 ? 'warn' : 'error',
    configMap: { name: v.kubevip_configmap, namespace: v.kubevip_configmap_namespace },
    ...(v.svc_namespace === '' ? {} : { watchNamespace: v.svc_namespace }),
    ...(link === '' || link === 'auto' ? {} : { link }),
    ...(listen === undefined ? {} : { listen }),
    ...(v.kubevip_netns === '' ? {} : { netns: v.kubevip_netns }),
    ...(kubeconfig ? { kubeconfig } : {}),
  };
}

function readListen(text: string): AgentConfig['listen'] {
  if (text === '') return undefined;
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65535) {
    throw new KubevipError(`prometheus_server: ${JSON.stringify(text)} is not HOST:PORT or :PORT`, {
      code: 'BAD_CONFIG',
      exit: EXIT.usage,
    });
  }
  return { host: (match[1] || '0.0.0.0').replace(/^\[|\]$/g, ''), port };
}

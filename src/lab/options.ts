/** What can be different in a lab. Everything has a default, and those give the lab of the documentation. */
import * as z from 'zod';
import { DEFAULT_ELECTION, ELECTIONS } from '../agent/election-config.ts';
import { EXIT, KubevipError } from '../model/errors.ts';

const schema = z.strictObject({
  /** Nodes n1, n2, … */
  nodes: z.int().min(1).max(20).default(3),
  /** An API server and the workloads; without it the lab is only a network. */
  cluster: z.boolean().default(true),
  /** Agents on the nodes; needs the cluster. */
  agents: z.boolean().default(true),
  /** IPv6 beside IPv4: LAN, WAN, router advertisements, DHCPv6, pods and Services. */
  ipv6: z.boolean().default(true),
  /** The router's outer address. */
  wan: z.enum(['public', 'private', 'cgnat']).default('public'),
  dhcp: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** dnsmasq's own habit: it pings a new address for 3 s before it offers it. */
      pingCheck: z.boolean().default(true),
      /** As in dnsmasq: `2m` (its minimum), `1h`, `infinite`. */
      leaseTime: z
        .string()
        .regex(/^(\d+[smhdw]?|infinite)$/)
        .default('1h'),
    })
    .prefault({}),
  upnp: z
    .strictObject({
      /** UPnP IGD. */
      igd: z.boolean().default(true),
      igdVersion: z.union([z.literal(1), z.literal(2)]).default(2),
      natPmp: z.boolean().default(true),
      pcp: z.boolean().default(true),
      /** A client may only map ports to itself. */
      secureMode: z.boolean().default(true),
      /** What miniupnpd says its outer address is, when it shall not be the one of the interface. */
      externalIp: z.ipv4().optional(),
      /** Bounds of a mapping's lifetime by NAT-PMP and PCP, in seconds. */
      minLifetime: z.int().positive().default(10),
      maxLifetime: z.int().positive().default(86_400),
    })
    .prefault({}),
  /** How the agents choose owners. Where nobody says, the variable LAB_ELECTION does: for all tests at once. */
  election: z.enum(ELECTIONS).prefault(() => (process.env['LAB_ELECTION'] ?? DEFAULT_ELECTION) as never),
  /** More environment for the agents: `vip_leaseduration` and the like. */
  agentEnv: z.record(z.string(), z.string()).default({}),
  /** The API server writes down who asked for what: `audit.log` in the lab's folder. */
  audit: z.boolean().default(false),
  /** From the moment a node is silent to its endpoints being taken out, as the node controller does. Milliseconds. */
  nodeGraceMs: z.int().nonnegative().default(2000),
});

export type LabOptions = z.output<typeof schema>;
export type LabOptionsInput = z.input<typeof schema>;

/** Fills in the defaults. @throws KubevipError BAD_LAB_OPTIONS naming the first field that is wrong. */
export function labOptions(input: LabOptionsInput = {}): LabOptions {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new KubevipError(`lab option ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`, {
    code: 'BAD_LAB_OPTIONS',
    exit: EXIT.usage,
  });
}

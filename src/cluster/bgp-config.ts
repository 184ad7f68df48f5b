/** How a cluster announces by BGP: the keys of `controlPlane` for it, and what they mean together. */
import * as z from 'zod';
import { BadValue, bfd } from '../exposure/bgp/config/values.ts';
import type { BgpPeering } from '../manifests/bgp.ts';
import { familyOf, parseIp, type Ip } from '../model/ip.ts';
import type { BfdTimers } from '../protocols/bfd/session.ts';
import { parseBgpPeer } from './bgp-peer.ts';

const refused = (context: z.RefinementCtx, message: string): never => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/** `ADDRESS:AS` and what may follow, with nothing where a password would be: the configuration is no place for it. */
const bgpPeer = z.string().superRefine((text, context) => {
  const read = parseBgpPeer(text);
  if ('problem' in read) context.addIssue({ code: 'custom', message: read.problem });
});

const address = z.string().transform((text, context): Ip => parseIp(text) ?? refused(context, 'is not an IP address'));

const routerId = address.refine((ip) => familyOf(ip) === 4, 'is not an IPv4 address, which a router ID looks like');

/** Seconds, as RFC 4271 §4.2 lets them be. */
const holdTime = z
  .number()
  .int()
  .refine(
    (seconds) => seconds === 0 || (seconds >= 3 && seconds <= 65_535),
    'is to be 3 to 65535 seconds, or 0: then only BFD notices that a node is gone',
  );

const keepalive = z.number().int().min(1, 'is to be 1 second or more').max(21_845, 'is to be 21845 seconds or less');

const bfdPace = z
  .string()
  .refine(
    (text) => readBfd(text) !== undefined,
    'is not INTERVALxMULTIPLIER, as 300x3: a packet each 300 ms (10 to 60000), and a node is given up after three (1 to 255)',
  );

const link = z.string().regex(/^[^\s/:]{1,15}$/, 'is not the name of an interface');

const path = z.string().regex(/^\/.*[^/]$/, 'is not the whole path of a file, from / on');

/** Of nodes that announce by BGP, where nobody says another; kube-vip's default. */
const OUR_AS = 65_000;
/** kube-vip's, and our agent's. */
const HOLD_SECONDS = 30;

/** Keys of `controlPlane`. */
export const BGP_KEYS = {
  bgpPeers: z
    .array(bgpPeer)
    .default([])
    .describe(
      'Routers that are told of the virtual IP and of the addresses of Services by BGP, in place of ARP and NDP: `ADDRESS:AS`, and further as in kube-vip’s `bgp_peers`. The addresses are to lie in no subnet of the nodes then.',
    ),
  bgpAs: z
    .number()
    .int()
    .min(1)
    .max(4294967295)
    .optional()
    .describe(`AS of the nodes, with \`bgpPeers\`; by default ${OUR_AS}.`),
  bgpHoldTime: holdTime
    .optional()
    .describe(
      `Seconds after which a router takes a silent node for dead, and the other way round; by default ${HOLD_SECONDS}.`,
    ),
  bgpKeepalive: keepalive.optional().describe('Seconds between signs of life; by default a third of the hold time.'),
  bgpBfd: bfdPace
    .optional()
    .describe(
      'BFD with every router that does not say itself, which notices a dead node sooner than the hold time: `300x3` is after three times 300 ms. The routers have to speak it with the nodes.',
    ),
  bgpPasswordFile: path
    .optional()
    .describe(
      'File on the machine of `init` with the password of the sessions (TCP MD5). It goes into the Secret kubevip-bgp, from which agents and machines that join have it.',
    ),
  bgpSourceInterface: link.optional().describe('Interface that sessions leave by, on every node.'),
  bgpSourceIp: address.optional().describe('Address of this machine that sessions come from, on a control plane.'),
  bgpRouterId: routerId
    .optional()
    .describe(
      'Router ID of this machine, on a control plane; by default an IPv4 address of it. Each machine has another one.',
    ),
} as const;

/** Keys that say something of one machine alone. */
const OF_MACHINE = ['bgpSourceIp', 'bgpRouterId'] as const;
type Key = keyof typeof BGP_KEYS;
export type BgpKeys = z.output<z.ZodObject<typeof BGP_KEYS>>;
/** Of the whole cluster: machines that join take them from there. */
export const SHARED_BGP_KEYS = (Object.keys(BGP_KEYS) as Key[]).filter((key) => !OF_MACHINE.some((own) => own === key));

interface WithBgp {
  readonly controlPlane: Readonly<BgpKeys>;
}

/** How routers are told of addresses, the same on every node; undefined: they are announced on the LAN, by ARP and NDP. */
export function bgpOf({ controlPlane }: WithBgp): BgpPeering | undefined {
  const { bgpPeers: peers, bgpAs: as = OUR_AS, bgpHoldTime, bgpKeepalive, bgpBfd } = controlPlane;
  if (peers.length === 0) return undefined;
  const { bgpSourceInterface: sourceInterface } = controlPlane;
  const holdTime = bgpHoldTime ?? (bgpKeepalive === undefined ? undefined : HOLD_SECONDS);
  return {
    as,
    peers,
    ...(holdTime === undefined ? {} : { holdTime, keepalive: bgpKeepalive ?? thirdOf(holdTime) }),
    ...(bgpBfd === undefined ? {} : { bfd: bgpBfd }),
    ...(sourceInterface === undefined ? {} : { sourceInterface }),
  };
}

/** What this machine alone says of its sessions. */
export function bgpOfMachine({ controlPlane }: WithBgp): Pick<BgpPeering, 'sourceIp' | 'routerId'> {
  const { bgpSourceIp: sourceIp, bgpRouterId: routerId } = controlPlane;
  return { ...(sourceIp === undefined ? {} : { sourceIp }), ...(routerId === undefined ? {} : { routerId }) };
}

/** @returns each key that does not go with the others, and what to do. */
export function bgpProblems(
  { controlPlane }: WithBgp,
  role: 'init' | 'control-plane' | 'worker',
): (readonly [key: string, message: string])[] {
  const { bgpPeers, bgpHoldTime = HOLD_SECONDS, bgpKeepalive, bgpSourceInterface, bgpSourceIp } = controlPlane;
  const problems: (readonly [string, string])[] = [];
  const given = (Object.keys(BGP_KEYS) as Key[]).filter((key) => key !== 'bgpPeers' && controlPlane[key] !== undefined);
  // Who joins learns of the routers from the cluster.
  const alone = role === 'init' ? given : given.filter((key) => !OF_MACHINE.some((own) => own === key));
  if (bgpPeers.length === 0)
    for (const key of alone)
      problems.push([
        `controlPlane.${key}`,
        'says nothing without a router to tell: give controlPlane.bgpPeers (--bgp-peer) too, or neither',
      ]);
  if (bgpKeepalive !== undefined && bgpHoldTime > 0 && bgpKeepalive >= bgpHoldTime)
    problems.push([
      'controlPlane.bgpKeepalive',
      `a sign of life each ${bgpKeepalive} s comes too late for a hold time of ${bgpHoldTime} s: leave it away, for a third of that, or raise controlPlane.bgpHoldTime (--bgp-hold-time)`,
    ]);
  if (bgpSourceIp !== undefined && bgpSourceInterface !== undefined)
    problems.push([
      'controlPlane.bgpSourceIp',
      'excludes controlPlane.bgpSourceInterface (--bgp-source-interface): leave one of them',
    ]);
  if (controlPlane.bgpPasswordFile !== undefined)
    for (const text of bgpPeers) {
      const read = parseBgpPeer(text);
      if (!('peer' in read) || read.peer.at !== undefined) continue;
      problems.push([
        'controlPlane.bgpPasswordFile',
        `is for routers with an address, and ${text} has none: name it by its address, as [fe80::1%eth0]:65001, or leave the password away`,
      ]);
    }
  return problems;
}

/** Undefined: it is none. */
function readBfd(text: string): BfdTimers | 'off' | undefined {
  try {
    return bfd(text);
  } catch (error) {
    if (error instanceof BadValue) return undefined;
    throw error;
  }
}

/** Seconds, and one at least. */
function thirdOf(holdTime: number): number {
  return holdTime === 0 ? 10 : Math.max(1, Math.floor(holdTime / 3));
}

/** After how long a router sends nothing more to a node that has died, and what would change that. One sentence. */
export function deathNotice({ controlPlane }: WithBgp): string {
  const { bgpPeers, bgpBfd, bgpHoldTime = HOLD_SECONDS } = controlPlane;
  const common = readBfd(bgpBfd ?? 'false') ?? 'off';
  const paces = bgpPeers.map((text): BfdTimers | 'off' => {
    const read = parseBgpPeer(text);
    return ('peer' in read ? read.peer.bfd : undefined) ?? common;
  });
  const most =
    bgpHoldTime === 0 ? 'until it is back (the hold time is 0)' : `for up to ${bgpHoldTime} s (the hold time)`;
  const slowest = Math.max(
    ...paces.map((pace) => (pace === 'off' ? Number.POSITIVE_INFINITY : pace.transmitInterval * pace.multiplier)),
  );
  if (slowest === Number.POSITIVE_INFINITY)
    return `A node that loses its power is sent traffic ${most}; --bgp-bfd 300x3 makes that 0.9 s, where the router speaks BFD too.`;
  return `A node that loses its power is sent traffic for ${slowest / 1000} s by routers that speak BFD too, and ${most} by others.`;
}

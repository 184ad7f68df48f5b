/** One address that this node shall hold behind a tunnel: what is known of it, and what that means to users. */
import { pending, ready, type Decision, type NotReady } from '../../../model/decision.ts';
import { hostPort, type Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { Announced } from '../port.ts';
import type { Tunnel, TunnelWay } from './port.ts';

/** The far end is given so long to answer at first, and after its last answer: keys are used for three minutes. */
const ANSWER: Milliseconds = 10_000;
const SILENT: Milliseconds = 200_000;

export interface HeldTunnel {
  readonly ip: Ip;
  /** ISO 8601. */
  readonly since: string;
  readonly slot: number;
  /** As which its interface is made; undefined: there is none. */
  tunnel: Tunnel | undefined;
  /** Where the far end is called, and how often; undefined: it has not been called yet. */
  called: { readonly tunnel: Tunnel; readonly endpoint: Ip; readonly keepalive: number } | undefined;
  /** When the far end was called first. */
  upAt: Milliseconds;
  lookedUpAt: Milliseconds;
  /** Wall clock, milliseconds; 0: never. */
  handshakeAt: number;
  problem: NotReady | undefined;
  /** Whether the far end, which has not answered, is to be called once more, or was. */
  repeat: 'no' | 'due' | 'done';
  /** The reason that was given last: another one is news. */
  said: string | undefined;
}

export function heldTunnel(ip: Ip, since: string, others: readonly HeldTunnel[]): HeldTunnel {
  const taken = new Set(others.map(({ slot }) => slot));
  let slot = 0;
  while (taken.has(slot)) slot++;
  return {
    ip,
    since,
    slot,
    tunnel: undefined,
    called: undefined,
    upAt: 0,
    lookedUpAt: 0,
    handshakeAt: 0,
    problem: undefined,
    repeat: 'no',
    said: undefined,
  };
}

export function wayOf({ ip, slot }: HeldTunnel, { name, listenPort, mtu }: Tunnel): TunnelWay {
  return { name, ip, listenPort, mtu, slot };
}

/** @param unfenced why the kernel could not be kept silent on the LAN; undefined: it is. */
export function decisionOf(
  held: HeldTunnel,
  wanted: Decision<Tunnel>,
  clock: Clock,
  unfenced: string | undefined,
): Decision<Announced> {
  if (wanted.state !== 'ready') return wanted;
  if (held.problem) return held.problem;
  const { name, publicKey } = wanted.value;
  const { ip, since, called } = held;
  if (!called) return pending('TunnelComing', `tunnel ${name} for ${ip} is being made`);
  const { host, port } = called.tunnel.endpoint;
  const far = hostPort(host, port);
  const through = `${ip} is announced through tunnel ${name}`;
  const value = { link: name, since };
  if (unfenced !== undefined)
    return ready(value, 'AnnouncedUnfenced', `${through}, but the kernel answers for it on the LAN: ${unfenced}`);
  if (isAnswered(held, clock)) return ready(value, 'Announced', `${through} to ${far}`);
  const advice = `it has to know this tunnel by its public key ${publicKey}, have the key that peerPublicKey belongs to, and be reached by UDP`;
  return ready(value, 'AnnouncedUnanswered', `${through}, but ${far} does not answer: ${advice}`);
}

function isAnswered({ upAt, handshakeAt }: HeldTunnel, clock: Clock): boolean {
  if (handshakeAt === 0) return clock.now() - upAt < ANSWER;
  return clock.wall().getTime() - handshakeAt < SILENT;
}

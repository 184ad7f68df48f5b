/** The parts of ownership by heartbeat that the agents for Services and for the control plane have in common. */
import { createHeartbeatChannel } from '../exposure/ownership/heartbeat/channel.ts';
import { createHeartbeatOwnership } from '../exposure/ownership/heartbeat/heartbeat-ownership.ts';
import { createKeyRing, type WritableKeyRing } from '../exposure/ownership/heartbeat/key-ring.ts';
import type {
  DrivenOwnership,
  HeartbeatOwnership,
  HeartbeatOwnershipOptions,
} from '../exposure/ownership/heartbeat/options.ts';
import { PROFILES } from '../exposure/ownership/heartbeat/profile.ts';
import { shareKey } from '../exposure/ownership/heartbeat/shared-key.ts';
import { withKey } from '../exposure/ownership/heartbeat/with-key.ts';
import type { KeySecret } from '../exposure/ownership/port.ts';
import { hmacSha256 } from '../linux/hmac.ts';
import type { Instance } from '../linux/mark.ts';
import { raisePriority } from '../linux/priority.ts';
import { createStateFile } from '../linux/state-file.ts';
import { messageOf } from '../model/errors.ts';
import { familyOf, isLinkLocal, type Ip } from '../model/ip.ts';
import type { Clock, Entropy } from '../model/time.ts';
import type { Link, Network } from '../model/wire.ts';
import { nodeHash } from '../protocols/heartbeat/message.ts';
import { keyIdOf } from '../protocols/heartbeat/seal.ts';
import type { AgentConfig } from './config.ts';
import type { Logger } from './log.ts';
import { MemoryKeeper, type Memory } from './memory.ts';
import type { ProcessMetrics } from './process-metrics.ts';

export interface HeartbeatPartsOptions {
  readonly config: AgentConfig;
  readonly instance: Instance;
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly metrics: Pick<ProcessMetrics, 'heartbeatRefused'> | undefined;
  /** Interface by name; undefined: the one with the default route. */
  readonly link: string | undefined;
  readonly secret: KeySecret;
  readonly record: HeartbeatOwnershipOptions['record'];
  readonly eligibility?: HeartbeatOwnershipOptions['eligibility'];
  /** Addresses of the other agents, as the API server has them. */
  readonly peers: () => readonly Ip[];
}

export interface HeartbeatParts {
  readonly ownership: HeartbeatOwnership;
  readonly keys: WritableKeyRing;
  /** Undefined: nothing is kept on disk. */
  readonly memory: MemoryKeeper | undefined;
  /** What the last run left. */
  readonly remembered: Memory | undefined;
  /** No heartbeats travel: the link is down, or the port is another program's. */
  isCutOff(): boolean;
  /** Where the other agents are, as far as anybody said. */
  peers(): readonly Ip[];
  /** Watches the key; the heartbeats themselves begin with the ownership. */
  start(): void;
  /** Never rejects. */
  stop(): Promise<void>;
}

export function wireHeartbeat(options: HeartbeatPartsOptions): HeartbeatParts {
  const { config, instance, network, clock, entropy, log, record, eligibility } = options;
  const { election } = config;
  const memory =
    election.stateDir === undefined
      ? undefined
      : new MemoryKeeper({
          file: createStateFile(election.stateDir, `${instance}.json`),
          clock,
          onError: (error) => log.warn({ message: messageOf(error) }, 'kubevip_state_dir cannot be written'),
        });
  const remembered = memory?.recall();
  const keys = createKeyRing(clock, (secret) => keyIdOf(secret, hmacSha256));
  if (remembered?.key) keys.recall(remembered.key);
  const peers = (): readonly Ip[] => {
    const known = options.peers();
    return known.length > 0 ? known : (remembered?.peers ?? []);
  };
  let cutOff = false;
  // The channel has its say before that is there: nobody has been heard yet.
  let heartbeats: DrivenOwnership | undefined = undefined;
  const channel = createHeartbeatChannel({
    network,
    clock,
    port: instance === 'services' ? election.ports.services : election.ports.controlPlane,
    transport: election.transport,
    link: () => options.link,
    peers,
    afterPoll: (then) => void setImmediate(then),
    onProblem: (problem) => {
      cutOff = problem !== undefined;
      heartbeats?.setCutOff(cutOff);
      if (problem === undefined) log.info({ instance }, 'heartbeats are sent and heard');
      else log.warn({ instance, problem }, 'no heartbeats can be sent or heard');
    },
  });
  heartbeats = createHeartbeatOwnership({
    node: config.node,
    epoch: epochOf(entropy),
    group: nodeHash(`${instance} ${config.namespace}`),
    profile: PROFILES[election.profile],
    clock,
    channel,
    keys,
    hash: hmacSha256,
    record,
    ...(eligibility ? { eligibility } : {}),
    onRefused: (reason) => options.metrics?.heartbeatRefused(instance, reason),
    onClone: () => log.error({ node: config.node }, 'another machine sends heartbeats under the name of this node'),
  });
  const ownership = withKey(heartbeats, keys);
  let stopKey = (): void => undefined;
  return {
    ownership,
    keys,
    memory,
    remembered,
    isCutOff: () => cutOff,
    peers,
    start: () => {
      tellPriority(log);
      let told: string | undefined;
      stopKey = shareKey({
        ring: keys,
        secret: options.secret,
        clock,
        entropy,
        onError: (error) => {
          const message = messageOf(error);
          if (message !== told) log.warn({ message }, 'the key of the heartbeats cannot be had; tried again');
          told = message;
        },
      });
    },
    stop: async () => {
      stopKey();
      await memory?.stop();
    },
  };
}

/** One thread speaks for all parts of the process: said once. */
let raised = false;

function tellPriority(log: Logger): void {
  if (raised) return;
  raised = true;
  const priority = raisePriority();
  if (priority.kind === 'real-time') log.info({}, 'heartbeats go before ordinary programs (SCHED_RR)');
  else if (priority.kind === 'nice') log.info({ why: priority.why }, 'heartbeats go before most programs (nice)');
  else
    log.info({ why: priority.why }, 'heartbeats run as every program does: a very busy machine may be taken for dead');
}

function epochOf(entropy: Entropy): bigint {
  const bytes = entropy.bytes(8);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
}

/** Of this node, at which others may reach it: those in a subnet of the link that heartbeats travel on. */
export function nodeAddresses(links: readonly Link[], name: string | undefined): Ip[] {
  const chosen = links.filter((link) =>
    name === undefined ? (link.gateway.v4 ?? link.gateway.v6) !== undefined : link.name === name,
  );
  return chosen
    .flatMap(({ addresses }) => addresses)
    .filter(({ ip, prefixLength }) => prefixLength < (familyOf(ip) === 4 ? 32 : 128) && !isLinkLocal(ip))
    .map(({ ip }) => ip);
}

/** The VIP's owner by heartbeats: its parts, and what is said of agents that are not heard. */
import { createOneOwner } from '../../exposure/control-plane/one-owner.ts';
import { createVipRecord, type VipRecordOptions } from '../../exposure/control-plane/vip-record.ts';
import { systemEntropy } from '../../linux/entropy.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import type { AgentConfig } from '../config.ts';
import { wireHeartbeat } from '../heartbeat.ts';
import type { Logger } from '../log.ts';
import type { VipAgreement } from './agreement.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { ProcessMetrics } from '../process-metrics.ts';
import type { Telling } from './telling.ts';
import type { ApiParts, NodeParts } from './wire.ts';

/** By then one is heard that can be, after this agent or that one began. */
const HEARD_WITHIN: Milliseconds = 3000;
/** What is under way at a VIP that was handed over is served until then. */
const UNDER_WAY: Milliseconds = 600;

export function wireVipHeartbeats(
  {
    config,
    controlPlane,
    log,
    metrics,
  }: {
    readonly config: AgentConfig;
    readonly controlPlane: ControlPlaneConfig;
    readonly log: Logger;
    readonly metrics: ProcessMetrics;
  },
  api: ApiParts,
  common: Omit<VipRecordOptions, 'live' | 'times' | 'otherControlPlanes'>,
  node: NodeParts,
): VipAgreement {
  const { clock, network } = node;
  const record = createVipRecord({
    ...common,
    times: config.lease,
    live: () => parts.ownership.liveNodes(),
    otherControlPlanes: () => api.otherControlPlanes().length,
  });
  const parts = wireHeartbeat({
    config,
    instance: 'control-plane',
    network,
    clock,
    entropy: systemEntropy,
    log,
    metrics,
    link: controlPlane.link,
    secret: api.secret,
    record,
    eligibility: 'self',
    peers: api.otherControlPlanes,
  });
  const ownership = createOneOwner({ ownership: parts.ownership, record, clock });
  node.answerOnlyIf((ip) => ownership.answers(ip));
  const stops: (() => void)[] = [];
  let told: Timer | undefined;
  const tell = (stranger: string, telling: Telling): void => {
    const note = `${stranger} renews Lease ${common.lease} and its heartbeats are not heard: the VIP is left to it. Set kubevip_election alike everywhere, and let UDP port ${config.election.ports.controlPlane} through`;
    log.warn({ holder: stranger }, note);
    telling.event('Warning', 'AgentNotHeard', note);
  };
  return {
    ownership,
    makesBeforeBreak: true,
    start: (telling) => {
      parts.start();
      const { memory, keys } = parts;
      memory?.keep(() => ({ ...(keys.material ? { key: keys.material } : {}), peers: parts.peers(), wanted: [] }));
      stops.push(
        keys.onChange(() => memory?.changed()),
        parts.ownership.onChange(() => memory?.changed()),
        record.onStranger(() => {
          told?.cancel();
          const stranger = record.stranger();
          if (stranger !== undefined) told = clock.after(HEARD_WITHIN, () => tell(stranger, telling));
        }),
        () => told?.cancel(),
      );
    },
    async handOver(isHolding) {
      if (ownership.liveNodes().length <= 1 || !isHolding()) return;
      await ownership.handOver();
      await new Promise<void>((resolve) => clock.after(UNDER_WAY, resolve));
    },
    stop: async () => {
      for (const stop of stops.splice(0)) stop();
      await parts.stop();
    },
  };
}

/** The VIP's owner by an election in etcd: its parts, and what is said of control planes that elect in another way. */
import { createOneOwner } from '../../exposure/control-plane/one-owner.ts';
import { createVipRecord, type VipRecordOptions } from '../../exposure/control-plane/vip-record.ts';
import { createEtcdOwnership } from '../../exposure/ownership/etcd/etcd-ownership.ts';
import { createEtcdWire } from '../../linux/etcd-wire.ts';
import { KubevipError } from '../../model/errors.ts';
import { endpointText } from '../../model/etcd.ts';
import { createDistinctLog } from '../distinct-log.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { VipAgreement } from './agreement.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { NodeParts } from './wire.ts';

export function wireVipInEtcd(
  { config, log }: { readonly config: AgentConfig; readonly log: Logger },
  etcd: NonNullable<ControlPlaneConfig['etcd']>,
  common: Omit<VipRecordOptions, 'live' | 'times' | 'otherControlPlanes'>,
  node: NodeParts,
): VipAgreement {
  const { clock } = node;
  const trouble = createDistinctLog(log, 'the election in etcd has trouble; trying again', 'warn');
  const record = createVipRecord({
    ...common,
    times: config.lease,
    live: () => inEtcd.liveNodes(),
    // Who is not ready does not contend: that no more of them are seen says nothing.
    otherControlPlanes: () => 0,
  });
  const inEtcd = createEtcdOwnership({
    node: config.node,
    election: etcd.election,
    times: config.lease,
    clock,
    wire: createEtcdWire(etcd),
    record,
    onError: (error) => trouble('etcd', withHints(error)),
  });
  const ownership = createOneOwner({ ownership: inEtcd, record, clock });
  node.answerOnlyIf((ip) => ownership.answers(ip));
  let unsubscribe = (): void => undefined;
  return {
    ownership,
    makesBeforeBreak: false,
    start(telling) {
      const endpoints = etcd.endpoints.map(endpointText);
      log.info({ election: etcd.election, endpoints }, 'the owner of the control-plane VIP is elected in etcd');
      unsubscribe = record.onStranger(() => {
        const stranger = record.stranger();
        if (stranger === undefined) return;
        const note = `${stranger} renews Lease ${common.lease} and is in no election in etcd: the VIP is left to it. Set leaderElectionType=etcd on every control plane`;
        log.warn({ holder: stranger }, note);
        telling.event('Warning', 'ElectionsDiffer', note);
      });
    },
    // A lease that is given up is taken at once: there is nothing to wait for.
    handOver: () => Promise.resolve(),
    stop() {
      unsubscribe();
      return Promise.resolve();
    },
  };
}

/** The log is where a person looks first. */
function withHints(error: unknown): unknown {
  return error instanceof KubevipError ? new Error([error.message, ...error.hints].join('. ')) : error;
}

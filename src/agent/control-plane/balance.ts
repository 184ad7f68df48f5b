/** Connections to the VIP spread over the API servers: its real parts, and who tells it what. */
import { Balancer } from '../../exposure/control-plane/balance/balancer.ts';
import type { ControlPlaneState } from '../../exposure/control-plane/port.ts';
import { forwards } from '../../linux/forwarding.ts';
import { createSpreadTable } from '../../linux/spread-table.ts';
import { messageOf } from '../../model/errors.ts';
import type { Clock } from '../../model/time.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { ApiParts } from './wire.ts';

export interface Balancing {
  start(): void;
  changed(state: ControlPlaneState): void;
  /** The life of other nodes has changed. */
  nodesChanged(): void;
  /** Leaves nothing on the node. */
  stop(): Promise<void>;
  readonly state: Balancer['state'];
  readonly backends: Balancer['backends'];
}

export interface BalancingOptions {
  readonly config: AgentConfig;
  readonly controlPlane: ControlPlaneConfig;
  readonly api: ApiParts;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Undefined where it is not asked for; what an earlier run may have left of it goes then. */
export function wireBalancing({ config, controlPlane, api, clock, log }: BalancingOptions): Balancing | undefined {
  const { balance, vip, port } = controlPlane;
  const table = createSpreadTable(config.netns === undefined ? {} : { netns: config.netns });
  const { backends } = api;
  if (!balance || !backends) {
    table
      .set([])
      .catch((error: unknown) => log.debug({ message: messageOf(error) }, 'no rules of an earlier run taken away'));
    return undefined;
  }
  let told = '';
  const balancer = new Balancer({
    clock,
    table,
    probes: backends.probes,
    port: balance.port,
    herePort: port,
    interval: balance.interval,
    candidates: () => backends.list(),
    forwards: (family, link) => forwards(family, link, config.netns),
    onChange: () => {
      const { state, reason, message } = balancer.state;
      if (told === message) return;
      told = message;
      log[state === 'pending' && reason !== 'ApiServersNotAsked' ? 'warn' : 'info'](
        { topic: 'load balancing', reason },
        message,
      );
    },
    onError: (error) =>
      log.warn({ message: messageOf(error) }, 'the VIP is not spread over the API servers; trying again'),
  });
  let unsubscribe = (): void => undefined;
  return {
    get state() {
      return balancer.state;
    },
    get backends() {
      return balancer.backends;
    },
    start() {
      if (balance.remark !== undefined) log.info({ topic: 'load balancing' }, balance.remark);
      unsubscribe = backends.onChange(() => balancer.candidatesChanged());
      balancer.start('addresses' in vip ? vip.addresses : []);
    },
    changed: ({ vips }) =>
      balancer.hold(
        vips.flatMap(({ ip, announced }) => (announced.state === 'ready' ? [{ ip, link: announced.value.link }] : [])),
      ),
    nodesChanged: () => balancer.doubt(),
    async stop() {
      unsubscribe();
      await balancer.stop();
    },
  };
}

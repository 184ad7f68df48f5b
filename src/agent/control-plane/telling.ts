/** Says what happens to the VIP: once in the log, and as Events of its Lease. */
import type { ControlPlaneState } from '../../exposure/control-plane/port.ts';
import { isMine } from '../../exposure/ownership/is-mine.ts';
import type { EventRecorder } from '../../exposure/status/port.ts';
import type { Decision } from '../../model/decision.ts';
import type { Lease } from '../../model/kubernetes.ts';
import type { Logger } from '../log.ts';
import type { ControlPlaneMetrics } from './metrics.ts';

export interface TellingOptions {
  readonly node: string;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly lease: () => Lease | undefined;
  readonly metrics: ControlPlaneMetrics;
}

export interface Telling {
  changed(state: ControlPlaneState): void;
  event(type: 'Normal' | 'Warning', reason: string, note: string): void;
}

export function createTelling({ node, log, events, lease, metrics }: TellingOptions): Telling {
  const told = new Map<string, string>();
  let holding = false;
  const event: Telling['event'] = (type, reason, note) => {
    const object = lease();
    if (object) events.record(object, type, reason, note);
  };
  /** Another reason is news; other words for the same one are not. */
  const tell = (topic: string, decision: Decision<unknown>, who = ''): void => {
    const news = `${decision.state} ${decision.reason} ${who}`;
    if (told.get(topic) === news) return;
    told.set(topic, news);
    const level = decision.state === 'failed' && topic !== 'api server' ? 'warn' : 'info';
    log[level]({ topic, reason: decision.reason }, decision.message);
  };
  return {
    event,
    changed(state) {
      tell('api server', state.api);
      tell('addresses', state.addresses);
      tell('name', state.name);
      for (const { ip, owner, announced } of state.vips) {
        const who = owner.state === 'ready' ? owner.value.node : '';
        tell(`owner of ${ip}`, owner, who);
        tell(`announcement of ${ip}`, announced);
      }
      const vips = state.vips.filter(({ owner }) => isMine(owner)).map(({ ip }) => ip);
      if (vips.length > 0 === holding) return;
      holding = vips.length > 0;
      metrics.ownerChanged(holding ? 'taken' : 'lost');
      const text = state.vips.map(({ ip }) => ip).join(', ');
      if (holding) event('Normal', 'ControlPlaneVipTaken', `${node} has the control-plane VIP ${text}`);
      else {
        const why = state.api.state === 'ready' ? (state.vips[0]?.owner.message ?? '') : state.api.message;
        event('Normal', 'ControlPlaneVipLost', `${node} has let go of the control-plane VIP ${text}: ${why}`);
      }
    },
  };
}

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
  /** Records an Event of the Lease; one of before there was a Lease is recorded once there is (`leaseSeen`). */
  event(type: 'Normal' | 'Warning', reason: string, note: string): void;
  leaseSeen(): void;
}

/** Agents agree on an owner before there is an API server, and write its Lease afterwards: there is little to say until then. */
const WAITING_EVENTS = 16;

export function createTelling({ node, log, events, lease, metrics }: TellingOptions): Telling {
  const told = new Map<string, string>();
  let holding = false;
  const waiting: Parameters<Telling['event']>[] = [];
  const leaseSeen = (): void => {
    const object = lease();
    if (object) for (const said of waiting.splice(0)) events.record(object, ...said);
  };
  const event: Telling['event'] = (...said) => {
    waiting.push(said);
    if (waiting.length > WAITING_EVENTS) waiting.shift();
    leaseSeen();
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
    leaseSeen,
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

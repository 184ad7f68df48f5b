/** Decisions of the stages as Kubernetes conditions: one per stage that is asked for, and one for the whole. */
import { CONDITION } from '../../model/annotations.ts';
import type { Decision } from '../../model/decision.ts';
import type { Condition, Service } from '../../model/kubernetes.ts';

export type StageName = Exclude<keyof typeof CONDITION, 'ready'>;
export type StageDecisions = Readonly<Record<StageName, Decision<unknown>>>;

/** Order of the pipeline: the first stage that is not ready is the one to look at. */
export const STAGES: readonly StageName[] = ['address', 'owner', 'announcement', 'router', 'name'];

export interface ConditionSet {
  readonly conditions: readonly Condition[];
  /** Types that stand on the Service and are no longer asked for. */
  readonly drop: readonly string[];
}

/** Keeps `lastTransitionTime` of conditions whose status stays. */
export function toConditions(service: Service, decisions: StageDecisions, now: Date): ConditionSet {
  const asked = STAGES.filter((stage) => decisions[stage].state !== 'off');
  const conditions = asked.map((stage) => condition(service, CONDITION[stage], decisions[stage], now));
  const weakest = asked.map((stage) => decisions[stage]).find(({ state }) => state !== 'ready');
  const whole: Decision<unknown> = weakest ?? {
    state: 'ready',
    reason: 'Ready',
    message: 'every stage holds',
    value: undefined,
  };
  conditions.push(condition(service, CONDITION.ready, whole, now));
  const types = new Set(conditions.map(({ type }) => type));
  const drop = (service.status?.conditions ?? [])
    .map(({ type }) => type)
    .filter((type) => isOurs(type) && !types.has(type));
  return { conditions, drop };
}

/** All condition types of ours that stand on the Service. */
export function ourConditions(service: Service): string[] {
  return (service.status?.conditions ?? []).map(({ type }) => type).filter(isOurs);
}

/** Name of the stage that a condition type of ours belongs to. */
export function stageOf(type: string): keyof typeof CONDITION | undefined {
  return (Object.keys(CONDITION) as (keyof typeof CONDITION)[]).find((name) => CONDITION[name] === type);
}

function isOurs(type: string): boolean {
  return Object.values<string>(CONDITION).includes(type);
}

function condition(service: Service, type: string, decision: Decision<unknown>, now: Date): Condition {
  const status = decision.state === 'ready' ? 'True' : decision.state === 'failed' ? 'False' : 'Unknown';
  const before = service.status?.conditions?.find((existing) => existing.type === type);
  return {
    type,
    status,
    reason: decision.reason,
    message: decision.message,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`,
    ...(service.metadata.generation === undefined ? {} : { observedGeneration: service.metadata.generation }),
  };
}

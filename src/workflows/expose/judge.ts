/**
 * How far each stage is, judged from the Service alone. A condition may still speak of what was asked for before,
 * and Services have no generation that would tell: so what a stage has done is compared with what is wanted.
 */
import { readAssigned } from '../../exposure/address/assigned.ts';
import { satisfies } from '../../exposure/address/satisfies.ts';
import { parsePools } from '../../exposure/address/pools.ts';
import { readIntent, DEFAULT_CLASS_RULES } from '../../exposure/intent/intent.ts';
import type { Intent } from '../../exposure/intent/port.ts';
import { readRecords } from '../../exposure/router/records.ts';
import { KEY } from '../../model/annotations.ts';
import type { Service } from '../../model/kubernetes.ts';
import { conditionOf, isFinal, STAGES, type StageName } from '../stages.ts';
import type { StageState } from '../steps.ts';

export interface StageView {
  readonly stage: StageName;
  readonly state: StageState;
  /** `failed` for good: waiting does not help. */
  readonly final: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Without these there is nothing to reach; the others are extras. */
export const ESSENTIAL: readonly StageName[] = ['address', 'owner', 'announcement'];

/** @param before the Service when it was written: what it says unchanged since then may be old. */
export function judge(service: Service, before: Service | undefined): StageView[] {
  const read = readIntent(service, DEFAULT_CLASS_RULES);
  if (read.state !== 'ready') return [];
  const intent = read.value;
  return STAGES.filter((stage) => isAsked(stage, intent)).map((stage) => view(stage, service, intent, before));
}

function isAsked(stage: StageName, intent: Intent): boolean {
  if (stage === 'router') return intent.router !== undefined;
  if (stage === 'name') return intent.name !== undefined;
  return true;
}

function view(stage: StageName, service: Service, intent: Intent, before: Service | undefined): StageView {
  const condition = conditionOf(service, stage);
  if (!condition)
    return {
      stage,
      state: 'waiting',
      final: false,
      reason: 'WaitingForAgent',
      message: 'no agent has said anything yet',
    };
  const { status, reason, message } = condition;
  if (status === 'True') {
    const news = JSON.stringify(before && conditionOf(before, stage)) !== JSON.stringify(condition);
    if (isDone(stage, service, intent, news)) return { stage, state: 'ready', final: false, reason, message };
    return {
      stage,
      state: 'waiting',
      final: false,
      reason: 'WaitingForChange',
      message: 'the agent has not taken up the change yet',
    };
  }
  const old = before && JSON.stringify(conditionOf(before, stage)) === JSON.stringify(condition);
  return {
    stage,
    state: status === 'False' ? 'failed' : 'waiting',
    final: isFinal(condition) && !old,
    reason,
    message,
  };
}

/** Whether what stands on the Service is what it asks for now. `news`: the stage has spoken since it was written. */
function isDone(stage: StageName, service: Service, intent: Intent, news: boolean): boolean {
  const assigned = readAssigned(service);
  if (stage === 'address') return assigned !== undefined && satisfies(intent, assigned, parsePools({}));
  if (stage === 'router' && intent.router && !('state' in intent.router)) {
    const records = readRecords(service);
    return intent.router.ports.every((port) =>
      records.some(
        (record) =>
          record.protocol === port.protocol &&
          record.internalPort === port.internalPort &&
          // A router may give another outer port than the one asked for.
          (news || record.externalPort === port.externalPort) &&
          (assigned?.ips.includes(record.internalIp) ?? false),
      ),
    );
  }
  if (stage === 'name' && intent.name && !('state' in intent.name)) {
    const published = publishedNames(service);
    // After a conflict it is `web-2.local`.
    return intent.name.hosts.every((host) => {
      const label = host.replace(/\.local$/, '');
      return published.some((name) => name === host || new RegExp(`^${label}-\\d+\\.local$`).test(name));
    });
  }
  return true;
}

export function publishedNames(service: Service): string[] {
  return (service.metadata.annotations?.[KEY.publishedNames] ?? '').split(',').filter((name) => name !== '');
}

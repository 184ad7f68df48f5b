/** apps/v1 */
import { forbiddenField, unsupported, type FieldError } from '../../errors.ts';
import { numberAt, objectAt, stringAt } from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import { daemonSetColumns, deploymentColumns, replicaSetColumns } from '../../printers/apps.ts';
import { daemonSet, deployment, replicaSet } from '../../schema/apps.ts';
import { ensure, fill } from '../defaults.ts';
import { defineResource } from '../resource.ts';
import { setPodTemplateDefaults, setTemplateDefaults, validateSelectorUpdate, validateTemplate } from './selector.ts';

function setDeploymentDefaults(object: ApiObject): void {
  setTemplateDefaults(object);
  const spec = ensure(object, 'spec');
  if (spec['revisionHistoryLimit'] === undefined) spec['revisionHistoryLimit'] = 10;
  if (spec['progressDeadlineSeconds'] === undefined) spec['progressDeadlineSeconds'] = 600;
  const strategy = ensure(spec, 'strategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') {
    fill(ensure(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
  }
}

function validateDeployment(object: ApiObject): FieldError[] {
  const strategy = objectAt(specOf(object), 'strategy');
  const type = stringAt(strategy, 'type');
  const errors = validateTemplate(object);
  if (type !== 'RollingUpdate' && type !== 'Recreate') {
    errors.push(unsupported('spec.strategy', { Type: type, RollingUpdate: null }, ['Recreate', 'RollingUpdate']));
  }
  if (type === 'Recreate' && strategy['rollingUpdate'] !== undefined) {
    errors.push(
      forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
    );
  }
  return errors;
}

const replicasOf = (object: ApiObject): string => String(numberAt(statusOf(object), 'replicas') ?? 0);

export const deployments = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  schema: deployment,
  subresources: ['status', 'scale'],
  countsGenerations: true,
  columns: deploymentColumns,
  setDefaults: setDeploymentDefaults,
  prepareForCreate: (object) => {
    object['status'] = {};
  },
  validate: validateDeployment,
  validateUpdate: validateSelectorUpdate,
});

export const replicaSets = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'replicasets',
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  schema: replicaSet,
  subresources: ['status', 'scale'],
  countsGenerations: true,
  columns: replicaSetColumns,
  selectable: { 'status.replicas': replicasOf },
  setDefaults: setTemplateDefaults,
  prepareForCreate: (object) => {
    object['status'] = { replicas: 0 };
  },
  validate: validateTemplate,
  validateUpdate: validateSelectorUpdate,
});

function setDaemonSetDefaults(object: ApiObject): void {
  setPodTemplateDefaults(object);
  const spec = ensure(object, 'spec');
  if (spec['revisionHistoryLimit'] === undefined) spec['revisionHistoryLimit'] = 10;
  const strategy = ensure(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') {
    fill(ensure(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
  }
}

const NOTHING_SCHEDULED = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
} as const;

export const daemonSets = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'daemonsets',
  kind: 'DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  schema: daemonSet,
  subresources: ['status'],
  countsGenerations: true,
  columns: daemonSetColumns,
  setDefaults: setDaemonSetDefaults,
  prepareForCreate: (object) => {
    object['status'] = { ...NOTHING_SCHEDULED };
  },
  validate: (object) => {
    const type = stringAt(objectAt(specOf(object), 'updateStrategy'), 'type');
    const known = ['RollingUpdate', 'OnDelete'];
    const wrong = known.includes(type) ? [] : [unsupported('spec.updateStrategy.type', type, known)];
    return [...validateTemplate(object), ...wrong];
  },
  validateUpdate: validateSelectorUpdate,
});

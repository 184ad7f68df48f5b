/** kubectl get deployments, replicasets, daemonsets */
import { numberAt, objectAt, objectsAt, stringAt, stringMapAt, type JsonObject } from '../json.ts';
import { specOf, statusOf, type ApiObject } from '../object.ts';
import { formatLabelSelector } from '../selectors/labels.ts';
import { column, wide, type Column } from './column.ts';
import { ageColumn, nameColumn } from './common.ts';

function containers(object: ApiObject): JsonObject[] {
  return objectsAt(objectAt(objectAt(specOf(object), 'template'), 'spec'), 'containers');
}

const inStatus = (key: string) => (object: ApiObject) => numberAt(statusOf(object), key) ?? 0;
const desired = (object: ApiObject): number => numberAt(specOf(object), 'replicas') ?? 0;

const templateColumns: readonly Column[] = [
  wide('Containers', (object) =>
    containers(object)
      .map((item) => stringAt(item, 'name'))
      .join(','),
  ),
  wide('Images', (object) =>
    containers(object)
      .map((item) => stringAt(item, 'image'))
      .join(','),
  ),
  wide('Selector', (object) => formatLabelSelector(objectAt(specOf(object), 'selector')) || '<none>'),
];

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column('Ready', (object) => `${inStatus('readyReplicas')(object)}/${desired(object)}`),
  column('Up-to-date', inStatus('updatedReplicas'), { type: 'integer' }),
  column('Available', inStatus('availableReplicas'), { type: 'integer' }),
  ageColumn,
  ...templateColumns,
];

export const replicaSetColumns: readonly Column[] = [
  nameColumn,
  column('Desired', desired, { type: 'integer' }),
  column('Current', inStatus('replicas'), { type: 'integer' }),
  column('Ready', inStatus('readyReplicas'), { type: 'integer' }),
  ageColumn,
  ...templateColumns,
];

const nodeSelector = (object: ApiObject): string => {
  const labels = Object.entries(stringMapAt(objectAt(objectAt(specOf(object), 'template'), 'spec'), 'nodeSelector'));
  return labels.map(([key, value]) => `${key}=${value}`).join(',') || '<none>';
};

export const daemonSetColumns: readonly Column[] = [
  nameColumn,
  column('Desired', inStatus('desiredNumberScheduled'), { type: 'integer' }),
  column('Current', inStatus('currentNumberScheduled'), { type: 'integer' }),
  column('Ready', inStatus('numberReady'), { type: 'integer' }),
  column('Up-to-date', inStatus('updatedNumberScheduled'), { type: 'integer' }),
  column('Available', inStatus('numberAvailable'), { type: 'integer' }),
  column('Node Selector', nodeSelector),
  ageColumn,
  ...templateColumns,
];

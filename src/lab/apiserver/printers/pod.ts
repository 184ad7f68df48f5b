/** kubectl get pods */
import { numberAt, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import { specOf, statusOf, type ApiObject } from '../object.ts';
import { column, wide, type Column } from './column.ts';
import { ageColumn, nameColumn } from './common.ts';

function statuses(object: ApiObject): JsonObject[] {
  return objectsAt(statusOf(object), 'containerStatuses');
}

/** The most telling word: what a container waits for, or why it ended, before the phase. */
function reason(object: ApiObject): string {
  const status = statusOf(object);
  let shown = stringAt(status, 'reason') || stringAt(status, 'phase');
  for (const item of statuses(object).toReversed()) {
    const state = objectAt(item, 'state');
    const waiting = stringAt(objectAt(state, 'waiting'), 'reason');
    const terminated = objectAt(state, 'terminated');
    if (waiting !== '') shown = waiting;
    else if (state['terminated'] !== undefined) {
      shown = stringAt(terminated, 'reason') || `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`;
    }
  }
  return object.metadata.deletionTimestamp === undefined ? shown : 'Terminating';
}

function restarts(object: ApiObject): number {
  return statuses(object).reduce((sum, item) => sum + (numberAt(item, 'restartCount') ?? 0), 0);
}

function podIPs(object: ApiObject): string {
  return stringAt(statusOf(object), 'podIP') || '<none>';
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', (object) => {
    const ready = statuses(object).filter((item) => item['ready'] === true).length;
    return `${ready}/${objectsAt(specOf(object), 'containers').length}`;
  }),
  column('Status', reason),
  column('Restarts', (object) => String(restarts(object))),
  ageColumn,
  wide('IP', podIPs),
  wide('Node', (object) => stringAt(specOf(object), 'nodeName') || '<none>'),
  wide('Nominated Node', (object) => stringAt(statusOf(object), 'nominatedNodeName') || '<none>'),
  wide('Readiness Gates', (object) => {
    const gates = objectsAt(specOf(object), 'readinessGates').map((gate) => stringAt(gate, 'conditionType'));
    const held = objectsAt(statusOf(object), 'conditions').filter(
      (item) => gates.includes(stringAt(item, 'type')) && stringAt(item, 'status') === 'True',
    );
    return gates.length === 0 ? '<none>' : `${held.length}/${gates.length}`;
  }),
];

/** v1 Pod */
import { forbiddenField, type FieldError } from '../../errors.ts';
import { equal, isTrueAt, objectsAt, omit, stringAt, type JsonObject } from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import { podColumns } from '../../printers/pod.ts';
import { pod } from '../../schema/pod.ts';
import { setPodSpecDefaults, validatePodSpec } from '../apps/pod-template.ts';
import { ensure, fill } from '../defaults.ts';
import { defineResource } from '../resource.ts';

const inSpec =
  (key: string) =>
  (object: ApiObject): string =>
    stringAt(specOf(object), key);
const inStatus =
  (key: string) =>
  (object: ApiObject): string =>
    stringAt(statusOf(object), key);

export const pods = defineResource({
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  schema: pod,
  subresources: ['status'],
  countsGenerations: true,
  deleteReturnsObject: true,
  columns: podColumns,
  selectable: {
    'spec.nodeName': inSpec('nodeName'),
    'spec.restartPolicy': inSpec('restartPolicy'),
    'spec.schedulerName': inSpec('schedulerName'),
    'spec.serviceAccountName': inSpec('serviceAccountName'),
    'spec.hostNetwork': (object) => String(isTrueAt(specOf(object), 'hostNetwork')),
    'status.phase': inStatus('phase'),
    'status.podIP': inStatus('podIP'),
    'status.nominatedNodeName': inStatus('nominatedNodeName'),
  },
  setDefaults: (object) => {
    const spec = ensure(object, 'spec');
    setPodSpecDefaults(spec);
    if (spec['enableServiceLinks'] === undefined) spec['enableServiceLinks'] = true;
    fill(spec, { serviceAccountName: 'default' });
    spec['serviceAccount'] = spec['serviceAccountName'] ?? 'default';
    if (spec['preemptionPolicy'] === undefined) spec['preemptionPolicy'] = 'PreemptLowerPriority';
    if (spec['priority'] === undefined) spec['priority'] = 0;
  },
  prepareForCreate: (object) => {
    object['status'] = { phase: 'Pending', qosClass: 'BestEffort' };
  },
  validate: (object) => validatePodSpec(specOf(object), 'spec'),
  validateUpdate: validatePodUpdate,
});

/** Of a pod only the images and a few deadlines may change. Schedulers bind it to a node by another way. */
function validatePodUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  const frozen = (from: ApiObject): JsonObject => {
    const spec = omit(specOf(from), ['activeDeadlineSeconds', 'tolerations']);
    const containers = objectsAt(spec, 'containers').map((container) => omit(container, ['image']));
    return { ...spec, containers };
  };
  if (equal(frozen(object), frozen(old))) return [];
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}

/** v1 Pod */
import { forbiddenField, invalidValue, type FieldError } from '../../errors.ts';
import { clone, equal, isTrueAt, objectsAt, omit, stringAt, type JsonObject } from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import { podColumns } from '../../printers/pod.ts';
import { pod } from '../../schema/pod.ts';
import { setPodSpecDefaults, validatePodSpec } from '../apps/pod-template.ts';
import { ipProblem, isOfOneFamily } from '../../validation/ip-text.ts';
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
    alignPodIPs(object);
  },
  prepareForCreate: (object) => {
    object['status'] = { phase: 'Pending', qosClass: 'BestEffort' };
    const spec = specOf(object);
    fill(spec, { serviceAccountName: 'default' });
    spec['serviceAccount'] = spec['serviceAccountName'] ?? 'default';
    spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
    spec['priority'] ??= 0;
  },
  prepareForUpdate: (object, old) => {
    for (const key of ADMITTED) specOf(object)[key] ??= clone(specOf(old)[key]);
  },
  validate: (object) => [...validatePodSpec(specOf(object), 'spec'), ...addressErrors(object)],
  validateUpdate: validatePodUpdate,
});

/** Given by admission where the client says nothing, so that no client owns it. */
const ADMITTED = ['preemptionPolicy', 'priority', 'serviceAccount', 'serviceAccountName'];

/** `podIP` is the old name of the first of `podIPs`, and the one that counts. */
function alignPodIPs(object: ApiObject): void {
  const status = statusOf(object);
  const single = stringAt(status, 'podIP');
  const [first] = objectsAt(status, 'podIPs');
  if (single !== '' && (first === undefined || stringAt(first, 'ip') !== single)) status['podIPs'] = [{ ip: single }];
  else if (first !== undefined) status['podIP'] = stringAt(first, 'ip');
}

function addressErrors(object: ApiObject): FieldError[] {
  const status = statusOf(object);
  const hosts = objectsAt(status, 'hostIPs').map((item) => stringAt(item, 'ip'));
  const [host] = hosts;
  return [
    ...addressListErrors(
      objectsAt(status, 'podIPs').map((item) => stringAt(item, 'ip')),
      'status.podIPs',
    ),
    ...(host === undefined || host === stringAt(status, 'hostIP')
      ? []
      : [invalidValue('status.hostIPs[0].ip', host, 'must be equal to `hostIP`')]),
    ...addressListErrors(hosts, 'status.hostIPs'),
  ];
}

function addressListErrors(addresses: readonly string[], field: string): FieldError[] {
  const wrong = addresses.flatMap((address, index) => {
    const why = ipProblem(address);
    return why === undefined ? [] : [invalidValue(`${field}[${index}]`, address, why)];
  });
  if (wrong.length > 0 || !isOfOneFamily(addresses)) return wrong;
  const named = addresses.map((IP) => ({ IP }));
  return [invalidValue(field, named, 'may specify no more than one IP for each IP family')];
}

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

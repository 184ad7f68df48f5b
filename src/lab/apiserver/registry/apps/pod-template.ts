/** Defaults and rules of pod specs, shared by Pod, ReplicaSet and Deployment. */
import { duplicate, invalidValue, required, unsupported, type FieldError } from '../../errors.ts';
import { objectAt, objectsAt, stringAt, numberAt, type JsonObject } from '../../json.ts';
import { nameIsLabel, portNameErrors } from '../../validation/names.ts';
import { ensure, fill } from '../defaults.ts';

export function setPodSpecDefaults(spec: JsonObject): void {
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
  });
  ensure(spec, 'securityContext');
  for (const container of containersOf(spec)) setContainerDefaults(container, spec['hostNetwork'] === true);
  for (const volume of objectsAt(spec, 'volumes')) setVolumeDefaults(volume);
}

function containersOf(spec: JsonObject): JsonObject[] {
  return [...objectsAt(spec, 'initContainers'), ...objectsAt(spec, 'containers')];
}

function setContainerDefaults(container: JsonObject, hostNetwork: boolean): void {
  const image = stringAt(container, 'image');
  const tag = /:([^/:@]+)$/.exec(image.replace(/@.*$/, ''))?.[1];
  const moving = !image.includes('@') && (tag === undefined || tag === 'latest');
  fill(container, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: moving ? 'Always' : 'IfNotPresent',
  });
  ensure(container, 'resources');
  for (const port of objectsAt(container, 'ports')) {
    fill(port, { protocol: 'TCP' });
    if (hostNetwork && port['hostPort'] === undefined) port['hostPort'] = numberAt(port, 'containerPort') ?? 0;
  }
  for (const key of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (container[key] !== undefined) setProbeDefaults(objectAt(container, key));
  }
}

function setProbeDefaults(probe: JsonObject): void {
  fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  if (probe['httpGet'] !== undefined) fill(objectAt(probe, 'httpGet'), { path: '/', scheme: 'HTTP' });
}

function setVolumeDefaults(volume: JsonObject): void {
  for (const key of ['configMap', 'secret']) {
    if (volume[key] !== undefined) fill(objectAt(volume, key), { defaultMode: 420 });
  }
  if (Object.keys(volume).length === 1) volume['emptyDir'] = {};
}

export function validatePodSpec(spec: JsonObject, field: string): FieldError[] {
  const containers = objectsAt(spec, 'containers');
  if (containers.length === 0) return [required(`${field}.containers`)];
  const seen = new Set<string>();
  return [
    ...containers.flatMap((container, index) => containerErrors(container, `${field}.containers[${index}]`, seen)),
    ...restartPolicyErrors(spec, field),
  ];
}

function restartPolicyErrors(spec: JsonObject, field: string): FieldError[] {
  const policy = stringAt(spec, 'restartPolicy');
  const known = ['Always', 'Never', 'OnFailure'];
  return known.includes(policy) ? [] : [unsupported(`${field}.restartPolicy`, policy, known)];
}

function containerErrors(container: JsonObject, field: string, seen: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(container, 'name');
  if (name === '') errors.push(required(`${field}.name`));
  else errors.push(...nameIsLabel(name, false).map((why) => invalidValue(`${field}.name`, name, why)));
  if (name !== '' && seen.has(name)) errors.push(duplicate(`${field}.name`, name));
  seen.add(name);
  if (stringAt(container, 'image') === '') errors.push(required(`${field}.image`));
  for (const [index, port] of objectsAt(container, 'ports').entries()) {
    errors.push(...containerPortErrors(port, `${field}.ports[${index}]`));
  }
  return errors;
}

function containerPortErrors(port: JsonObject, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const number = numberAt(port, 'containerPort') ?? 0;
  if (number === 0) errors.push(required(`${field}.containerPort`));
  else if (number < 1 || number > 65_535) {
    errors.push(invalidValue(`${field}.containerPort`, number, 'must be between 1 and 65535, inclusive'));
  }
  const name = stringAt(port, 'name');
  if (name !== '') errors.push(...portNameErrors(name).map((why) => invalidValue(`${field}.name`, name, why)));
  const protocol = stringAt(port, 'protocol');
  const known = ['SCTP', 'TCP', 'UDP'];
  if (!known.includes(protocol)) errors.push(unsupported(`${field}.protocol`, protocol, known));
  return errors;
}

/** What Deployments and ReplicaSets have in common: a selector that picks the pods of their template. */
import { invalidValue, required, unsupported, type FieldError } from '../../errors.ts';
import { numberAt, objectAt, objectsAt, stringAt, stringMapAt, stringsAt, type JsonObject } from '../../json.ts';
import { specOf, type ApiObject } from '../../object.ts';
import { compileLabelSelector } from '../../selectors/labels.ts';
import { immutable, labelErrors } from '../../validation/metadata.ts';
import { qualifiedNameErrors } from '../../validation/names.ts';
import { ensure } from '../defaults.ts';
import { setPodSpecDefaults, validatePodSpec } from './pod-template.ts';

export function setTemplateDefaults(object: ApiObject): void {
  const spec = ensure(object, 'spec');
  if (spec['replicas'] === undefined) spec['replicas'] = 1;
  setPodTemplateDefaults(object);
}

/** Of kinds that have no number of replicas. */
export function setPodTemplateDefaults(object: ApiObject): void {
  const template = ensure(ensure(object, 'spec'), 'template');
  ensure(template, 'metadata');
  setPodSpecDefaults(ensure(template, 'spec'));
}

export function validateTemplate(object: ApiObject): FieldError[] {
  const spec = specOf(object);
  const replicas = numberAt(spec, 'replicas') ?? 0;
  return [
    ...(replicas < 0 ? [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')] : []),
    ...selectorErrors(spec),
    ...labelErrors(stringMapAt(objectAt(objectAt(spec, 'template'), 'metadata'), 'labels'), 'spec.template.labels'),
    ...validatePodSpec(objectAt(objectAt(spec, 'template'), 'spec'), 'spec.template.spec'),
    ...templateRestartErrors(spec),
  ];
}

function templateRestartErrors(spec: JsonObject): FieldError[] {
  const policy = stringAt(objectAt(objectAt(spec, 'template'), 'spec'), 'restartPolicy');
  return ['OnFailure', 'Never'].includes(policy)
    ? [unsupported('spec.template.spec.restartPolicy', policy, ['Always'])]
    : [];
}

function selectorErrors(spec: JsonObject): FieldError[] {
  const labels = stringMapAt(objectAt(objectAt(spec, 'template'), 'metadata'), 'labels');
  if (spec['selector'] === undefined || spec['selector'] === null) {
    return [
      required('spec.selector'),
      invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    ];
  }
  const selector = objectAt(spec, 'selector');
  if (Object.keys(stringMapAt(selector, 'matchLabels')).length + objectsAt(selector, 'matchExpressions').length === 0) {
    return [invalidValue('spec.selector', selector, 'empty selector is invalid for deployment')];
  }
  const errors = [
    ...labelErrors(stringMapAt(selector, 'matchLabels'), 'spec.selector.matchLabels'),
    ...objectsAt(selector, 'matchExpressions').flatMap((expression, index) =>
      expressionErrors(expression, `spec.selector.matchExpressions[${index}]`),
    ),
  ];
  if (errors.length === 0 && !compileLabelSelector(selector)(labels)) {
    errors.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  return errors;
}

function expressionErrors(expression: JsonObject, field: string): FieldError[] {
  const operator = stringAt(expression, 'operator');
  const values = stringsAt(expression, 'values');
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      errors.push({
        reason: 'FieldValueForbidden',
        field: `${field}.values`,
        message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      });
    }
  } else {
    errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'));
  }
  const key = stringAt(expression, 'key');
  return [...errors, ...qualifiedNameErrors(key).map((why) => invalidValue(`${field}.key`, key, why))];
}

export function validateSelectorUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  return immutable(specOf(object)['selector'], specOf(old)['selector'], 'spec.selector');
}

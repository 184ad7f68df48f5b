/** The ports of a Service. */
import { duplicate, forbiddenField, invalidValue, required, type FieldError } from '../../errors.ts';
import { numberAt, objectsAt, stringAt, type JsonObject } from '../../json.ts';
import { nameIsLabel, portNameErrors, qualifiedNameErrors } from '../../validation/names.ts';
import { oneOf } from './one-of.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PORT_RANGE = 'must be between 1 and 65535, inclusive';

export function portsErrors(spec: JsonObject): FieldError[] {
  const ports = objectsAt(spec, 'ports');
  const headless = stringAt(spec, 'clusterIP') === 'None';
  if (ports.length === 0) {
    return headless || stringAt(spec, 'type') === 'ExternalName' ? [] : [required('spec.ports')];
  }
  return [
    ...ports.flatMap((port, index) => portErrors(port, `spec.ports[${index}]`, ports.length > 1)),
    ...repeated(
      ports,
      (port) => stringAt(port, 'name') || undefined,
      (name, index) => duplicate(`spec.ports[${index}].name`, name),
    ),
    ...repeated(
      ports,
      (port) => JSON.stringify([numberAt(port, 'port'), stringAt(port, 'protocol')]),
      (_key, index) => {
        const { port, protocol } = ports[index] ?? {};
        const named = {
          Name: '',
          Protocol: protocol ?? '',
          AppProtocol: null,
          Port: port ?? 0,
          TargetPort: 0,
          NodePort: 0,
        };
        return duplicate(`spec.ports[${index}]`, named);
      },
    ),
    ...repeated(
      ports,
      (port) => (port['nodePort'] === undefined ? undefined : JSON.stringify([port['nodePort'], port['protocol']])),
      (_key, index) => duplicate(`spec.ports[${index}].nodePort`, ports[index]?.['nodePort'] ?? null),
    ),
    ...(stringAt(spec, 'type') === 'ClusterIP'
      ? ports.flatMap((port, index) =>
          port['nodePort'] === undefined
            ? []
            : [forbiddenField(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'")],
        )
      : []),
  ];
}

function repeated(
  ports: readonly JsonObject[],
  key: (port: JsonObject) => string | undefined,
  error: (key: string, index: number) => FieldError,
): FieldError[] {
  const seen = new Set<string>();
  return ports.flatMap((port, index) => {
    const value = key(port);
    if (value === undefined) return [];
    const again = seen.has(value);
    seen.add(value);
    return again ? [error(value, index)] : [];
  });
}

function portErrors(port: JsonObject, field: string, nameNeeded: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(port, 'name');
  if (name === '') {
    if (nameNeeded) errors.push(required(`${field}.name`));
  } else {
    errors.push(...nameIsLabel(name, false).map((why) => invalidValue(`${field}.name`, name, why)));
  }
  errors.push(...portNumberErrors(port, 'port', `${field}.port`));
  errors.push(...oneOf(port, 'protocol', PROTOCOLS, `${field}.protocol`));
  const target = port['targetPort'];
  if (typeof target === 'string') {
    errors.push(...portNameErrors(target).map((why) => invalidValue(`${field}.targetPort`, target, why)));
  } else {
    errors.push(...portNumberErrors(port, 'targetPort', `${field}.targetPort`));
  }
  const appProtocol = stringAt(port, 'appProtocol');
  if (appProtocol !== '') {
    errors.push(
      ...qualifiedNameErrors(appProtocol).map((why) => invalidValue(`${field}.appProtocol`, appProtocol, why)),
    );
  }
  return errors;
}

export function portNumberErrors(object: JsonObject, key: string, field: string): FieldError[] {
  const value = numberAt(object, key) ?? 0;
  return Number.isInteger(value) && value >= 1 && value <= 65_535 ? [] : [invalidValue(field, value, PORT_RANGE)];
}

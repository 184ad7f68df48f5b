/** metav1.Condition lists in a status. */
import { duplicate, invalidValue, required, unsupported, type FieldError } from '../errors.ts';
import { numberAt, stringAt, type JsonObject } from '../json.ts';
import { qualifiedNameErrors } from './names.ts';

const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';

export function validateConditions(conditions: readonly JsonObject[], field: string): FieldError[] {
  const seen = new Set<string>();
  return conditions.flatMap((condition, index) => {
    const at = `${field}[${index}]`;
    const type = stringAt(condition, 'type');
    const again = seen.has(type);
    seen.add(type);
    return [...(again ? [duplicate(`${at}.type`, type)] : []), ...conditionErrors(condition, type, at)];
  });
}

function conditionErrors(condition: JsonObject, type: string, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${at}.type`));
  else errors.push(...qualifiedNameErrors(type).map((why) => invalidValue(`${at}.type`, type, why)));
  const status = stringAt(condition, 'status');
  if (!['True', 'False', 'Unknown'].includes(status)) {
    errors.push(unsupported(`${at}.status`, status, ['True', 'False', 'Unknown']));
  }
  if ((numberAt(condition, 'observedGeneration') ?? 0) < 0) {
    errors.push(
      invalidValue(
        `${at}.observedGeneration`,
        numberAt(condition, 'observedGeneration') ?? 0,
        'must be greater than or equal to zero',
      ),
    );
  }
  if (stringAt(condition, 'lastTransitionTime') === '')
    errors.push(required(`${at}.lastTransitionTime`, 'must be set'));
  const reason = stringAt(condition, 'reason');
  if (reason === '') {
    errors.push(required(`${at}.reason`, 'must be set'));
  } else if (!new RegExp(`^${REASON}$`).test(reason)) {
    const why = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON}')`;
    errors.push(invalidValue(`${at}.reason`, reason, why));
  }
  return errors;
}

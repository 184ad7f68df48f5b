/** rbac.authorization.k8s.io/v1 */
import { immutable } from '../../validation/metadata.ts';
import { nameIsPathSegment } from '../../validation/names.ts';
import { forbiddenField, required, unsupported, type FieldError } from '../../errors.ts';
import { objectAt, objectsAt, stringAt, stringsAt } from '../../json.ts';
import type { ApiObject } from '../../object.ts';
import { plainColumns } from '../../printers/core.ts';
import { bindingColumns } from '../../printers/rbac.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from '../../schema/core.ts';
import { fill } from '../defaults.ts';
import { defineResource } from '../resource.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
const rbac = { group: RBAC_GROUP, version: 'v1', nameRule: nameIsPathSegment, createOnUpdate: true } as const;

function rulesErrors(object: ApiObject, cluster: boolean): FieldError[] {
  return objectsAt(object, 'rules').flatMap((rule, index) => {
    const field = `rules[${index}]`;
    const errors: FieldError[] = [];
    if (stringsAt(rule, 'verbs').length === 0)
      errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'));
    if (stringsAt(rule, 'nonResourceURLs').length > 0) {
      if (!cluster) {
        errors.push(forbiddenField(`${field}.nonResourceURLs`, 'namespaced rules cannot apply to non-resource URLs'));
      }
      return errors;
    }
    if (stringsAt(rule, 'apiGroups').length === 0) {
      errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
    }
    if (stringsAt(rule, 'resources').length === 0) {
      errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
    }
    return errors;
  });
}

function bindingErrors(object: ApiObject): FieldError[] {
  const reference = objectAt(object, 'roleRef');
  const kinds = object.kind === 'ClusterRoleBinding' ? ['ClusterRole'] : ['ClusterRole', 'Role'];
  const kind = stringAt(reference, 'kind');
  return [
    ...(kinds.includes(kind) ? [] : [unsupported('roleRef.kind', kind, kinds)]),
    ...(stringAt(reference, 'name') === '' ? [required('roleRef.name')] : []),
  ];
}

function setBindingDefaults(object: ApiObject): void {
  fill(objectAt(object, 'roleRef'), { apiGroup: RBAC_GROUP });
  for (const subject of objectsAt(object, 'subjects')) {
    if (stringAt(subject, 'kind') !== 'ServiceAccount') fill(subject, { apiGroup: RBAC_GROUP });
  }
}

function roleRefKept(object: ApiObject, old: ApiObject): FieldError[] {
  return immutable(object['roleRef'], old['roleRef'], 'roleRef').map((error) => ({
    ...error,
    message: error.message.replace('field is immutable', 'cannot change roleRef'),
  }));
}

export const roles = defineResource({
  ...rbac,
  plural: 'roles',
  kind: 'Role',
  schema: role,
  columns: plainColumns,
  validate: (object) => rulesErrors(object, false),
});

export const clusterRoles = defineResource({
  ...rbac,
  plural: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
  schema: clusterRole,
  columns: plainColumns,
  validate: (object) => rulesErrors(object, true),
});

export const roleBindings = defineResource({
  ...rbac,
  plural: 'rolebindings',
  kind: 'RoleBinding',
  schema: roleBinding,
  columns: bindingColumns,
  setDefaults: setBindingDefaults,
  validate: bindingErrors,
  validateUpdate: roleRefKept,
});

export const clusterRoleBindings = defineResource({
  ...rbac,
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
  schema: clusterRoleBinding,
  columns: bindingColumns,
  setDefaults: setBindingDefaults,
  validate: bindingErrors,
  validateUpdate: roleRefKept,
});

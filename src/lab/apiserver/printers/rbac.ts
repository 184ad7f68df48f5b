/** kubectl get rolebindings, clusterrolebindings */
import { objectAt, objectsAt, stringAt } from '../json.ts';
import type { ApiObject } from '../object.ts';
import { column, wide, type Column } from './column.ts';
import { ageColumn, nameColumn } from './common.ts';

const subjects =
  (kind: string) =>
  (object: ApiObject): string =>
    objectsAt(object, 'subjects')
      .filter((subject) => stringAt(subject, 'kind') === kind)
      .map((subject) =>
        [stringAt(subject, 'namespace'), stringAt(subject, 'name')].filter((part) => part !== '').join('/'),
      )
      .join(', ');

export const bindingColumns: readonly Column[] = [
  nameColumn,
  column('Role', (object) => {
    const reference = objectAt(object, 'roleRef');
    return `${stringAt(reference, 'kind')}/${stringAt(reference, 'name')}`;
  }),
  ageColumn,
  wide('Users', subjects('User')),
  wide('Groups', subjects('Group')),
  wide('ServiceAccounts', subjects('ServiceAccount')),
];

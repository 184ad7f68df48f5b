/** What the server knows about one resource; everything that differs between kinds goes through here. */
import type { Cidr } from '../../../model/cidr.ts';
import type { FieldError } from '../errors.ts';
import type { ApiObject } from '../object.ts';
import type { Column } from '../printers/column.ts';
import type { StructSchema } from '../schema/schema.ts';
import { nameIsSubdomain, type NameRule } from '../validation/names.ts';
import type { Store } from '../storage/store.ts';

/** What hooks may look at beside the object. */
export interface Surroundings {
  readonly store: Store;
  readonly network: ServiceNetwork;
}

/** Where Services get their cluster addresses and node ports from. */
export interface ServiceNetwork {
  /** One, or one of each family; the first is that of Services that ask for no family. */
  readonly clusterCidrs: readonly Cidr[];
  readonly nodePorts: { readonly first: number; readonly last: number };
}

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** Name of the table in the store. Two resources may be two views of one. */
  readonly storage: string;
  readonly schema: StructSchema;
  readonly subresources: readonly ('status' | 'scale')[];
  /** metadata.generation counts changes of everything but metadata and status. */
  readonly countsGenerations: boolean;
  /** PUT without a resourceVersion replaces whatever is there. */
  readonly unconditionalUpdate: boolean;
  /** PUT of a name that does not exist creates it. */
  readonly createOnUpdate: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly deleteReturnsObject: boolean;
  readonly nameRule: NameRule;
  readonly columns: readonly Column[];
  /** Fields beside name and namespace that field selectors may name. */
  readonly selectable: Readonly<Record<string, (object: ApiObject) => string>>;
  /** Fills in what the client left out; on every write, before everything else. May change `object`. */
  readonly setDefaults: (object: ApiObject) => void;
  readonly prepareForCreate: (object: ApiObject) => void;
  readonly prepareForUpdate: (object: ApiObject, old: ApiObject) => void;
  readonly validate: (object: ApiObject) => FieldError[];
  readonly validateUpdate: (object: ApiObject, old: ApiObject) => FieldError[];
  /** Takes cluster-wide values such as addresses, before validation. @throws ApiError for what cannot be had. */
  readonly allocate: (object: ApiObject, old: ApiObject | undefined, around: Surroundings) => void;
  /** Between the form that is stored and the form of this version. */
  readonly fromStored: (object: ApiObject) => ApiObject;
  readonly toStored: (object: ApiObject) => ApiObject;
}

type Given = Pick<Resource, 'group' | 'version' | 'plural' | 'kind' | 'schema'>;

const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const nothing = (): void => undefined;
const noErrors = (): FieldError[] => [];
const same = (object: ApiObject): ApiObject => object;

/** A resource that does what most do wherever `given` says nothing else. */
export function defineResource(given: Given & Partial<Resource>): Resource {
  return {
    singular: given.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: ALL_VERBS,
    storage: given.group === '' ? given.plural : `${given.plural}.${given.group}`,
    subresources: [],
    countsGenerations: false,
    unconditionalUpdate: true,
    createOnUpdate: false,
    deleteReturnsObject: false,
    nameRule: nameIsSubdomain,
    columns: [],
    selectable: {},
    setDefaults: nothing,
    prepareForCreate: nothing,
    prepareForUpdate: nothing,
    validate: noErrors,
    validateUpdate: noErrors,
    allocate: nothing,
    fromStored: same,
    toStored: same,
    ...given,
  };
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOfResource({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

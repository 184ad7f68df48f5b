/** What one may ask about oneself: may I? And: a token for a service account. */
import { isAllowed, rulesFor, type Attributes } from '../auth/rbac.ts';
import type { TokenIssuer } from '../auth/tokens.ts';
import { serviceAccountUser } from '../auth/user.ts';
import { notFound } from '../errors.ts';
import { requireObject } from '../http/body.ts';
import { writeJson, type RequestContext } from '../http/context.ts';
import { isObject, numberAt, objectAt, stringAt, stringsAt, type JsonObject } from '../json.ts';
import { timestamp } from '../object.ts';
import { selfSubjectAccessReview, selfSubjectRulesReview, tokenRequest } from '../schema/core.ts';

/** authorization.k8s.io/v1 SelfSubjectAccessReview */
export async function reviewAccess(context: RequestContext): Promise<void> {
  const review = await requireObject(context.request, selfSubjectAccessReview);
  const spec = objectAt(review, 'spec');
  const allowed = isAllowed(context.backend.store, context.user, attributesIn(spec));
  const status = { allowed };
  writeJson(context, 201, {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec,
    status,
  });
}

function attributesIn(spec: JsonObject): Attributes {
  const path = spec['nonResourceAttributes'];
  if (isObject(path)) return { verb: stringAt(path, 'verb'), path: stringAt(path, 'path') };
  const wanted = objectAt(spec, 'resourceAttributes');
  return {
    verb: stringAt(wanted, 'verb'),
    group: stringAt(wanted, 'group'),
    resource: stringAt(wanted, 'resource'),
    subresource: stringAt(wanted, 'subresource'),
    namespace: stringAt(wanted, 'namespace'),
    name: stringAt(wanted, 'name'),
  };
}

/** authorization.k8s.io/v1 SelfSubjectRulesReview, for `kubectl auth can-i --list`. */
export async function reviewRules(context: RequestContext): Promise<void> {
  const review = await requireObject(context.request, selfSubjectRulesReview);
  const namespace = stringAt(objectAt(review, 'spec'), 'namespace');
  const everything: JsonObject[] = context.user.groups.includes('system:masters')
    ? [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ]
    : [];
  const rules = [...everything, ...rulesFor(context.backend.store, context.user, namespace)];
  writeJson(context, 201, {
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: { namespace },
    status: {
      resourceRules: rules.filter((rule) => stringsAt(rule, 'resources').length > 0),
      nonResourceRules: rules.filter((rule) => stringsAt(rule, 'nonResourceURLs').length > 0),
      incomplete: false,
    },
  });
}

const DEFAULT_LIFETIME_SECONDS = 3600;

/** The token sub-resource of service accounts: `kubectl create token`. */
export async function requestToken(
  context: RequestContext,
  tokens: TokenIssuer,
  namespace: string,
  name: string,
): Promise<void> {
  const body = await requireObject(context.request, tokenRequest);
  const account = context.backend.store.get('serviceaccounts', `${namespace}/${name}`)?.object;
  if (account === undefined) throw notFound({ group: '', resource: 'serviceaccounts', name });
  const seconds = numberAt(objectAt(body, 'spec'), 'expirationSeconds') ?? DEFAULT_LIFETIME_SECONDS;
  const expires = new Date(context.backend.now().getTime() + seconds * 1000);
  const token = tokens.issue(serviceAccountUser(namespace, name, account.metadata.uid ?? ''), expires);
  writeJson(context, 201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: timestamp(context.backend.now()) },
    spec: { audiences: ['https://kubernetes.default.svc.cluster.local'], expirationSeconds: seconds },
    status: { token, expirationTimestamp: timestamp(expires) },
  });
}

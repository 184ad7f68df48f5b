/** Reference pages made from the code, so that they cannot drift from it. `npm run docs` writes them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ANNOTATIONS, CONDITION } from '../../src/model/annotations.ts';
import { table } from './markdown.ts';
import { sources } from './sources.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export function annotationsPage(): string {
  const rows = Object.values(ANNOTATIONS).map(({ key, on, access, value, meaning }) => [
    `\`${key}\``,
    on,
    access,
    `\`${value}\``,
    meaning,
  ]);
  return [
    '# Annotations',
    '',
    'Keys on Services and Leases. Those of kube-vip keep their names; what kube-vip has no key for has the prefix `kubevip.dev/`.',
    'This page is made from `src/model/annotations.ts` by `npm run docs`.',
    '',
    table(['key', 'on', 'access', 'value', 'meaning'], rows),
    '',
  ].join('\n');
}

/** Every reason that a stage can give, read from the sources: the first argument of a decision. */
export function reasonsInSource(): {
  readonly reason: string;
  readonly states: readonly string[];
  readonly stage: string;
}[] {
  const found = new Map<string, { states: Set<string>; stage: string }>();
  for (const file of sources(join(ROOT, 'src/exposure'))) {
    const stage = /src\/exposure\/([^/]+)\//.exec(file)?.[1] ?? 'pipeline';
    const text = readFileSync(file, 'utf8');
    for (const [, state = '', reason = ''] of text.matchAll(/\b(pending|failed|off)\(\s*'([A-Z][A-Za-z0-9]+)'/g))
      add(reason, state, stage);
    for (const call of text.matchAll(/\bready\(([\s\S]{0,240}?)\)/g)) {
      const reason = /'([A-Z][A-Za-z0-9]+)'/.exec(call[1] ?? '')?.[1];
      if (reason !== undefined) add(reason, 'ready', stage);
    }
    for (const [, reason = ''] of text.matchAll(/The reason of [^\n]*\*\/\s*export const \w+ = '([A-Z]\w+)'/g))
      add(reason, 'ready', stage);
  }
  return [...found]
    .map(([reason, { states, stage }]) => ({ reason, states: [...states].sort(), stage }))
    .sort((a, b) => (a.reason < b.reason ? -1 : 1));

  function add(reason: string, state: string, stage: string): void {
    const entry = found.get(reason) ?? { states: new Set<string>(), stage };
    entry.states.add(state);
    found.set(reason, entry);
  }
}

export function conditionsPage(): string {
  const conditions = [
    [CONDITION.address, 'which address the Service has, and from where'],
    [CONDITION.owner, 'which node holds it'],
    [CONDITION.announcement, 'that the LAN has been told'],
    [CONDITION.router, 'which router ports lead to it, and whether the Internet can reach them'],
    [CONDITION.name, 'its names on the LAN'],
    [CONDITION.ready, 'the first stage that does not hold, or that all do'],
  ].map(([type = '', says = '']) => [`\`${type}\``, says]);
  const reasons = reasonsInSource().map(({ reason, stage, states }) => [`\`${reason}\``, stage, states.join(', ')]);
  return [
    '# Conditions, Events and their reasons',
    '',
    'Every stage that a Service asks for has a condition on it; `Ready` is the whole. `True`: the stage holds. `False`: it',
    'does not work as things stand, and the message says why. `Unknown`: it is under way. A stage that is not asked for has',
    'no condition.',
    '',
    table(['condition', 'says'], conditions),
    '',
    '`lastTransitionTime` is when the status (`True`, `False`, `Unknown`) last changed, as everywhere in Kubernetes: a stage',
    'that goes on failing for another reason keeps its time, and `kubevip status` says how long it has not been right.',
    '',
    '## Events',
    '',
    'A condition that turns `True` or `False`, or changes its reason, is told as an Event of the Service with that reason:',
    '`Warning` for `False`, `Normal` for `True`. `AddressConflict` is told besides, each time another machine claims an',
    'address, and `AddressConflictOver` when it no longer does. `kubectl describe service NAME` and `kubectl events --for service/NAME` show them.',
    '',
    'The control-plane VIP tells `ControlPlaneVipTaken`, `ControlPlaneVipLost` and `AddressConflict` as Events of its Lease:',
    '`kubectl -n kube-system events --for lease/plndr-cp-lock`.',
    '',
    'BGP tells of sessions (`BgpSessionUp`, `BgpSessionDown`, `BgpPeerDown` with each new reason, `BgpFault`) and of settings that',
    'cannot be followed (`BgpPeerInvalid`, `BgpProblem`) as Events of a Lease of each node:',
    '`kubectl -n kube-system events --for lease/kubevip-bgp-NODE`.',
    '',
    '## Reasons',
    '',
    '`failed` makes a condition `False`, `pending` makes it `Unknown`, `ready` makes it `True`; `off` leaves it away. This list',
    'is made from the sources by `npm run docs`.',
    '',
    table(['reason', 'stage', 'state'], reasons),
    '',
  ].join('\n');
}

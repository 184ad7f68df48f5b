/** The stages of the pipeline as the CLI sees them: the conditions on a Service, and what to do about their reasons. */
import { STAGES, type StageName } from '../exposure/status/conditions.ts';
import { CONDITION } from '../model/annotations.ts';
import type { Condition, Service } from '../model/kubernetes.ts';

export { STAGES, type StageName };

export function conditionOf(service: Service, stage: StageName | 'ready'): Condition | undefined {
  return service.status?.conditions?.find(({ type }) => type === CONDITION[stage]);
}

/** Whether any agent has said anything about the Service. */
export function hasConditions(service: Service): boolean {
  return [...STAGES, 'ready' as const].some((stage) => conditionOf(service, stage) !== undefined);
}

/** The first stage in the order of the pipeline that is not ready: the one to look at. */
export function firstProblem(service: Service): { stage: StageName; condition: Condition } | undefined {
  for (const stage of STAGES) {
    const condition = conditionOf(service, stage);
    if (condition && condition.status !== 'True') return { stage, condition };
  }
  return undefined;
}

/** Reasons that do not go away by waiting: somebody has to change something. */
const FINAL = new Set([
  'AddressConflict',
  'AddressInUse',
  'AddressRefused',
  'FamilyNotServed',
  'InvalidAddress',
  'InvalidAnnotation',
  'InvalidName',
  'MappingRefused',
  'NameTaken',
  'NoIPv6',
  'NoPool',
  'NodesExcluded',
  'NotGlobal',
  'PoolExhausted',
  'PoolInvalid',
  'RouterDisabled',
  'RouterForbidden',
]);

export function isFinal({ status, reason }: Condition): boolean {
  return status === 'False' && FINAL.has(reason);
}

const HINTS: Readonly<Record<string, readonly string[]>> = {
  AddressConflict: ['Take another address with --ip, or take that one out of the pool.'],
  AddressInUse: ['Take another address with --ip, or share it by annotating allow-share in ConfigMap kubevip.'],
  ExternalPortTaken: ['Take another outer port: --router PORT, or --router 80=8080 with several ports.'],
  FamilyNotServed: ['Give the Service both families with --family dual.'],
  InvalidAnnotation: ['Look at its annotations: kubectl get service NAME -o yaml'],
  LinkDown: ['Plug the node’s cable in, or look at `ip -brief link` there.'],
  MappingRefused: ['Take another outer port with --router PORT, or allow port mappings in the router.'],
  NameTaken: ['Take another name with --mdns NAME.'],
  NoDhcpOffer: ['Has the DHCP server free addresses? Or take one from a pool, or with --ip.'],
  NoDhcpServer: ['Is DHCP on in the router? Or take an address from a pool, or with --ip.'],
  NoGateway: ['Switch UPnP, NAT-PMP or PCP on in the router, or expose without --router.'],
  NoLink: ['Set vip_interface on the agents, or annotate the Service with kube-vip.io/serviceInterface.'],
  NoPool: ['Ask for an address by DHCP with --dhcp, or give one with --ip.'],
  NodesExcluded: ['Take the label off a node, or set honor_exclude_label=false on the agents.'],
  NoReadyEndpoints: ['Are the pods ready? kubectl get pods'],
  PoolExhausted: ['Make the pool larger in ConfigMap kubevip (kube-system), or ask for DHCP with --dhcp.'],
  PoolInvalid: ['Correct the key: kubectl -n kube-system edit configmap kubevip'],
  RouterDisabled: ['Set enable_upnp=true on the agents, or expose without --router.'],
  NotGlobal: ['Add addresses of your provider’s prefix to the pool, or leave the router to IPv4.'],
  OfferDeclined: ['Take that address out of the DHCP server’s range, or give the machine that has it another.'],
  RouterForbidden: ['Allow it in ConfigMap kubevip (kube-system), or expose without --router.'],
  WaitingForKey: [
    'May the agents read Secret kubevip-heartbeat and make it? `kubevip install` grants that, and so does `kubectl apply -f deploy/kubevip.yaml`.',
    'Or set kubevip_election=lease on all agents: then no key is needed.',
  ],
  WaitingForAllocator: [
    'Does the agent live that gives out addresses? kubectl -n kube-system get lease plndr-svcs-lock',
    'If it does, it cannot give what was asked for: ask for another address.',
  ],
};

const STAGE_HINTS: Readonly<Record<StageName, string>> = {
  address: 'Does a DHCP server answer on this LAN, and is the pool free? `kubevip status` shows pools and agents.',
  owner: 'Is an agent running on a node that may hold the address? `kubevip status` shows the agents.',
  announcement: 'Is the node’s interface up and in the subnet of the address? `kubevip status -o wide`',
  router: 'Is UPnP, NAT-PMP or PCP switched on in the router, and the external port free?',
  name: 'Is another machine using that name? `kubevip discover` shows the names on the LAN.',
};

/** What to do about a stage that is not ready. */
export function hintsFor(stage: StageName, reason: string): readonly string[] {
  return HINTS[reason] ?? [STAGE_HINTS[stage]];
}

/**
 * First stage: what does this Service want of us? Pure reading of spec and annotations. `off` means the
 * Service is not ours to touch. A part that asks for something that cannot be carries its own `failed`, so that
 * a wrong router port does not cost the address.
 */
import { isOwnRecord, readAssigned } from '../address/assigned.ts';
import { DEFAULT_CLASS, KEY, KUBEVIP_CLASS } from '../../model/annotations.ts';
import { failed, off, ready, type Decision, type NotReady } from '../../model/decision.ts';
import { familyOf, ip, parseIp, type Family, type Ip } from '../../model/ip.ts';
import { keyOf, type Service } from '../../model/kubernetes.ts';
import { DHCP_MODE_FAMILIES, type DhcpMode } from '../../model/dhcp-mode.ts';
import { firstLabel, isDnsName } from '../../model/dns-label.ts';
import { parseMac } from '../../model/mac.ts';
import { parseVlan, vlanAnnotation } from '../vlan/vlan.ts';
import { annotation } from './annotation.ts';
import { readNameRequest } from './name-request.ts';
import type { AddressRequest, Intent } from './port.ts';
import { readPorts } from './ports.ts';
import { readRouterRequest } from './router-request.ts';

/** Which Services are ours: kube-vip's `lb_class_*` settings. */
export interface ClassRules {
  /** `lb_class_name` */
  readonly className: string;
  /** `lb_class_only`: a Service without a class is left alone. */
  readonly classOnly: boolean;
  /** `svc_withdraw`: none is, and everything of ours is taken back. */
  readonly withdraw: boolean;
  /** `dhcp_mode`: families asked for by DHCP with `kube-vip.io/ddns`; undefined: IPv4 where the Service has it. */
  readonly dhcpMode?: DhcpMode;
}
export const DEFAULT_CLASS_RULES: ClassRules = { className: DEFAULT_CLASS, classOnly: false, withdraw: false };

/** DHCP is asked for by the unspecified address of a family, as kube-vip does. */
const UNSPECIFIED = { 4: ip('0.0.0.0'), 6: ip('::') } as const;
const LEASED: readonly Family[] = [4, 6];

export function readIntent(service: Service, rules: ClassRules): Decision<Intent> {
  const notOurs = whyNotOurs(service, rules);
  if (notOurs) return notOurs;
  const uid = service.metadata.uid;
  if (uid === undefined) return off('NoUid', 'the Service has no UID yet');
  const ports = readPorts(service);
  const router = readRouterRequest(service, ports);
  const name = readNameRequest(service);
  const vlan = vlanAnnotation(service);
  const wrongVlan = vlan !== undefined && parseVlan(vlan) === undefined;
  const link = vlan ?? annotation(service, KEY.serviceInterface);
  const families = readFamilies(service);
  const conflict = annotation(service, KEY.conflict);
  const onConflict = conflict === 'defend' || conflict === 'yield' ? conflict : undefined;
  return ready(
    {
      service: keyOf(service),
      uid,
      families,
      needsEveryFamily: service.spec.ipFamilyPolicy === 'RequireDualStack',
      address:
        conflict !== onConflict
          ? failed('InvalidAnnotation', `${KEY.conflict}: ${JSON.stringify(conflict)} is neither defend nor yield`)
          : wrongVlan
            ? failed(
                'InvalidAnnotation',
                `${KEY.serviceVLAN}: ${JSON.stringify(vlan)} is not INTERFACE.VLAN with a VLAN of 1 to 4094, in 15 characters`,
              )
            : readAddressRequest(service, families, rules.dhcpMode),
      ports,
      trafficPolicy: service.spec.externalTrafficPolicy ?? 'Cluster',
      ...(link !== undefined && link !== 'auto' ? { link } : {}),
      ...(onConflict ? { onConflict } : {}),
      ...(router ? { router } : {}),
      ...(name ? { name } : {}),
    },
    'Accepted',
    'the Service is served by kubevip',
  );
}

function whyNotOurs(service: Service, rules: ClassRules): NotReady | undefined {
  if (service.spec.type !== 'LoadBalancer') return off('NotLoadBalancer', 'the Service is not of type LoadBalancer');
  if (rules.withdraw) return off('Withdrawn', 'the agents take everything back (svc_withdraw=true)');
  if (annotation(service, KEY.ignore) === 'true') return off('Ignored', `annotation ${KEY.ignore} is set`);
  const cls = service.spec.loadBalancerClass;
  if (cls === undefined) return rules.classOnly ? off('NoClass', 'the Service has no loadBalancerClass') : undefined;
  if (cls === rules.className || cls === KUBEVIP_CLASS) return undefined;
  return off('OtherClass', `loadBalancerClass ${cls} belongs to another controller`);
}

/**
 * Annotation, then spec.loadBalancerIP. What a pool gave earlier stands in both (as kube-vip's cloud provider
 * writes it) and is still a request for the pool, not for that address.
 */
function readAddressRequest(
  service: Service,
  families: readonly Family[],
  dhcpMode: ClassRules['dhcpMode'],
): AddressRequest | NotReady {
  const assigned = readAssigned(service);
  const wanted = [annotation(service, KEY.loadBalancerIPs), service.spec.loadBalancerIP].find(
    (text) => text !== undefined && text !== '' && !isOwnRecord(text, assigned),
  );
  if (wanted === undefined) {
    if (annotation(service, KEY.dhcp) === 'true') return dhcpRequest(service, families);
    const pool = annotation(service, KEY.pool);
    return { kind: 'pool', ...(pool === undefined ? {} : { pool }) };
  }
  // The name is the server's to give to the address: nobody is asked for it.
  if (annotation(service, KEY.ddns) === 'true' && isDnsName(wanted))
    return dhcpRequest(service, families, {
      hostname: firstLabel(wanted),
      leased: ddnsFamilies(families, dhcpMode),
    });
  const parts = wanted.split(',').map((text) => text.trim());
  if (parts.every(isDnsName))
    return { kind: 'name', names: parts.map((name) => name.toLowerCase().replace(/\.$/, '')) };
  const addresses: Ip[] = [];
  for (const part of parts) {
    const parsed = parseIp(part);
    if (parsed === undefined) {
      return failed(
        'InvalidAddress',
        `${JSON.stringify(part)} is not an IP address (asked for by ${KEY.loadBalancerIPs} or spec.loadBalancerIP)${isDnsName(part) ? `; give names alone, or addresses alone` : ''}`,
      );
    }
    const family = familyOf(parsed);
    if (!families.includes(family)) {
      return failed(
        'FamilyNotServed',
        `${parsed} is asked for, but the Service has no IPv${family}: set spec.ipFamilies and spec.ipFamilyPolicy`,
      );
    }
    addresses.push(parsed);
  }
  const dhcp = annotation(service, KEY.dhcp) === 'true';
  const asked = LEASED.filter((family) => addresses.includes(UNSPECIFIED[family]));
  if (!dhcp && asked.length === 0) return { kind: 'explicit', addresses };
  const leased = asked.length > 0 ? asked : byDefault(families);
  const given = addresses.filter((address) => !leased.includes(familyOf(address)));
  // With the annotation an address of a leased family may be one of earlier times that still stands in spec.loadBalancerIP.
  const strays = addresses.length - given.length - asked.length;
  if (given.length > 1 || (!dhcp && strays > 0)) {
    return failed(
      'InvalidAddress',
      `${JSON.stringify(wanted)}: besides what is had by DHCP there can be one address of the other family, no more`,
    );
  }
  return dhcpRequest(service, families, { leased, ...(given[0] === undefined ? {} : { beside: given[0] }) });
}

/** `dhcp_mode`, as far as the Service has these families. */
function ddnsFamilies(families: readonly Family[], mode: ClassRules['dhcpMode']): readonly Family[] {
  const wanted = mode === undefined ? [] : DHCP_MODE_FAMILIES[mode].filter((family) => families.includes(family));
  return wanted.length > 0 ? wanted : byDefault(families);
}

/** Without a word about the family IPv4 is leased, as ever; a Service that has none gets an IPv6 address. */
function byDefault(families: readonly Family[]): Family[] {
  return [families.includes(4) ? 4 : 6];
}

function dhcpRequest(
  service: Service,
  families: readonly Family[],
  wish: { readonly leased?: readonly Family[]; readonly beside?: Ip; readonly hostname?: string } = {},
): AddressRequest {
  const { leased = byDefault(families), beside, hostname } = wish;
  const wishes =
    annotation(service, KEY.requestedIP)
      ?.split(',')
      .map((text) => parseIp(text.trim())) ?? [];
  const [requested, requested6] = LEASED.map((family) =>
    leased.includes(family) ? wishes.find((one) => one !== undefined && familyOf(one) === family) : undefined,
  );
  const mac = parseMac(annotation(service, KEY.hwaddr) ?? '');
  return {
    kind: 'dhcp',
    hostname: hostname ?? annotation(service, KEY.dhcpHostname) ?? service.metadata.name,
    leased,
    ...(requested === undefined ? {} : { requested }),
    ...(requested6 === undefined ? {} : { requested6 }),
    ...(mac === undefined ? {} : { mac }),
    ...(beside === undefined ? {} : { beside }),
  };
}

/** The families of the Service in its order of preference; before the API server has set them, IPv4. */
function readFamilies(service: Service): Family[] {
  const families = service.spec.ipFamilies ?? [];
  return families.length === 0 ? [4] : families.map((family) => (family === 'IPv6' ? 6 : 4));
}

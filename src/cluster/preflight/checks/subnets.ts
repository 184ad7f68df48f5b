/** Addresses of pods and of Services are apart from each other and from the LAN. */
import { parseCidr, type Cidr, type Range } from '../../../model/cidr.ts';
import { familyOf, fromBigInt, ipToBigInt, type Ip } from '../../../model/ip.ts';
import { error, fine, type Finding } from '../finding.ts';
import { lanLinks, subnetsOf } from '../nic.ts';
import type { Check } from '../request.ts';

/** Free in nearly every home. */
const OTHERS = {
  pods: ['10.244.0.0/16', '10.32.0.0/16', '172.28.0.0/16'],
  services: ['10.96.0.0/12', '172.29.0.0/16'],
};

export const subnets: Check = {
  id: 'subnets',
  roles: ['init'],
  run: ({ lan, request }) => {
    const findings: Finding[] = [];
    const { podSubnets = [], serviceSubnets = [], vips = [] } = request;
    const wanted = [
      ...podSubnets.map((range) => ({ range, of: 'pods' as const, flag: '--pod-subnet' })),
      ...serviceSubnets.map((range) => ({ range, of: 'services' as const, flag: '--service-subnet' })),
    ];
    const here = lanLinks(lan.links()).flatMap((link) => subnetsOf(link).map((subnet) => ({ subnet, link })));
    for (const { range, of, flag } of wanted) {
      const name = of === 'pods' ? 'pods' : 'Services';
      const clash = here.find(({ subnet }) => overlap(subnet, range));
      const vip = vips.find((ip) => overlap(hostRange(ip), range));
      if (clash === undefined && vip === undefined) continue;
      const what =
        clash === undefined
          ? `the virtual IP ${vip ?? ''}`
          : `the LAN ${text(clash.subnet)} of interface ${clash.link.name}`;
      findings.push(
        error(`subnet-${of}`, {
          what: `the addresses of ${name}, ${text(range)}, overlap ${what}`,
          why: 'Machines on the LAN could not be reached from pods, nor this one from there.',
          remedy: `${flag} ${suggest(
            of,
            here.map(({ subnet }) => subnet),
            range.family,
          )}`,
        }),
      );
    }
    for (const pods of podSubnets) {
      const services = serviceSubnets.find((other) => overlap(other, pods));
      if (services === undefined) continue;
      findings.push(
        error('subnet-overlap', {
          what: `the addresses of pods, ${text(pods)}, overlap those of Services, ${text(services)}`,
          why: 'One address would be both.',
          remedy: '--pod-subnet 10.244.0.0/16 --service-subnet 10.96.0.0/12',
        }),
      );
    }
    return findings.length > 0 || wanted.length === 0
      ? findings
      : [fine('subnets', 'pods, Services and the LAN are apart')];
  },
};

function suggest(of: 'pods' | 'services', lan: readonly Cidr[], family: 4 | 6): string {
  if (family === 6) return of === 'pods' ? 'fd00:10:244::/56' : 'fd00:10:96::/112';
  const free = OTHERS[of].find((candidate) => lan.every((subnet) => !overlaps(candidate, subnet)));
  return free ?? 'with addresses that the LAN does not use';
}

function overlaps(candidate: string, subnet: Range): boolean {
  const range = parseCidr(candidate);
  return range !== undefined && overlap(subnet, range);
}

function hostRange(ip: Ip): Range {
  const n = ipToBigInt(ip);
  return { family: familyOf(ip), first: n, last: n };
}

function overlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

function text(range: Cidr): string {
  return `${fromBigInt(range.first, range.family)}/${range.prefixLength}`;
}

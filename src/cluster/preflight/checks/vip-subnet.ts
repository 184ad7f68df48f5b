/** The virtual IP can stand on the interface: in a subnet of it, and not an address that means something else. */
import { contains, firstOf, lastOf } from '../../../model/cidr.ts';
import { familyOf, type Ip } from '../../../model/ip.ts';
import type { Link } from '../../../model/wire.ts';
import { error, fine, type Finding } from '../finding.ts';
import { lanLinks, nicOf, subnetFor, subnetsOf } from '../nic.ts';
import type { Check, Scene } from '../request.ts';

export const vipSubnet: Check = {
  id: 'vip-subnet',
  roles: ['init', 'control-plane'],
  run: async (scene) => {
    const { vips = [] } = scene.request;
    const link = nicOf(scene.lan.links(), scene.request);
    if (vips.length === 0 || link === undefined) return [];
    const traces = await scene.machine.ownTraces();
    return vips.map((vip) => judge(vip, link, scene, traces));
  },
};

function judge(vip: Ip, link: Link, { lan, request }: Scene, traces: readonly string[]): Finding {
  const subnet = subnetFor(link, vip);
  if (request.bgp !== undefined) {
    if (subnet === undefined) return fine('vip-subnet', `routers are told of ${vip}, which lies in no subnet here`);
    return error('vip-subnet', {
      what: `${vip} is in the subnet ${firstOf(subnet)}/${subnet.prefixLength} of interface ${link.name}, and is to be announced by BGP`,
      why: 'Machines on the LAN would ask for it there, where nobody answers for it, instead of going by the router.',
      remedy: '--vip with an address that is in no subnet of the LAN, or without --bgp-peer',
    });
  }
  if (subnet === undefined) {
    const other = lanLinks(lan.links()).find((candidate) => subnetFor(candidate, vip) !== undefined);
    const here = subnetsOf(link).filter(({ family }) => family === familyOf(vip));
    const subnets = here.map((one) => `${firstOf(one)}/${one.prefixLength}`).join(', ');
    return error('vip-subnet', {
      what: `${vip} is in no subnet of interface ${link.name} (${subnets === '' ? `no IPv${familyOf(vip)} address` : subnets})`,
      why: 'Machines on the LAN would look for it behind the router.',
      remedy:
        other === undefined
          ? `choose an address of the LAN: --vip ${subnets === '' ? 'ADDRESS' : `one of ${subnets}`}`
          : `--interface ${other.name}`,
    });
  }
  const [network, last] = [firstOf(subnet), lastOf(subnet)];
  const special =
    vip === network
      ? 'the address of the subnet itself'
      : familyOf(vip) === 4 && vip === last
        ? 'the broadcast address'
        : undefined;
  if (special !== undefined) {
    return error('vip-reserved', {
      what: `${vip} is ${special} of ${network}/${subnet.prefixLength}`,
      why: 'No machine answers for it.',
      remedy: '--vip with another address of the subnet',
    });
  }
  if (vip === link.gateway.v4 || vip === link.gateway.v6) {
    return error('vip-gateway', {
      what: `${vip} is the router`,
      why: 'Everybody on the LAN would lose the way to the Internet.',
      remedy: '--vip with an address that nobody has',
    });
  }
  const own = lan.links().find(({ addresses }) => addresses.some(({ ip }) => ip === vip));
  // Put there by an agent of ours, in an earlier run or on a node that is up already.
  const byUs = traces.some((trace) => trace.startsWith(`address ${vip} `));
  const standsAlone = own?.addresses.some(
    ({ ip, prefixLength }) => ip === vip && contains(subnet, ip) && prefixLength !== subnet.prefixLength,
  );
  if (own !== undefined && !byUs && !(request.resuming === true && standsAlone === true)) {
    return error('vip-own', {
      what: `${vip} is an address of this machine itself (${own.name})`,
      why: 'The virtual IP moves to another machine when this one fails; its own address must not.',
      remedy: '--vip with an address that nobody has',
    });
  }
  return fine('vip-subnet', `${vip} is in ${network}/${subnet.prefixLength} of interface ${link.name}`);
}

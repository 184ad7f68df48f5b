/** The groups that Neighbor Discovery speaks to, and their Ethernet addresses. */
import { ip, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { macFromBytes, type Mac } from '../../model/mac.ts';

export const UNSPECIFIED = ip('::');
export const ALL_NODES = ip('ff02::1');
const SOLICITED_NODE = ipToBytes(ip('ff02::1:ff00:0')).subarray(0, 13);

/** RFC 4291 §2.7.1: the group that whoever has `target` listens to. */
export function solicitedNode(target: Ip): Ip {
  const group = ipToBytes(target);
  group.set(SOLICITED_NODE);
  return ipFromBytes(group);
}

/** Whether `group` is the solicited-node group of any address. */
export function isSolicitedNode(group: Ip): boolean {
  return solicitedNode(group) === group;
}

export function isMulticast(address: Ip): boolean {
  return address.startsWith('ff') && address.indexOf(':') === 4;
}

/** RFC 2464 §7 */
export function multicastMac(group: Ip): Mac {
  return macFromBytes(Uint8Array.from([0x33, 0x33, ...ipToBytes(group).subarray(12)]));
}

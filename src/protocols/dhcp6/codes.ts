/** Numbers of DHCPv6, under the names of RFC 8415. */
import { ip } from '../../model/ip.ts';

/** §7.3; what relays say to servers is left out. */
export const MESSAGE_TYPE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
} as const;

/** Option codes (§21; 39: RFC 4704). */
export const OPTION = {
  clientIdentifier: 1,
  serverIdentifier: 2,
  identityAssociation: 3,
  address: 5,
  optionRequest: 6,
  preference: 7,
  elapsedTime: 8,
  statusCode: 13,
  rapidCommit: 14,
  clientFqdn: 39,
  solMaxRt: 82,
} as const;

/** §21.13 */
export const STATUS = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
} as const;

export const SERVER_PORT = 547;
export const CLIENT_PORT = 546;
/** All_DHCP_Relay_Agents_and_Servers (§7.1). */
export const ALL_SERVERS = ip('ff02::1:2');

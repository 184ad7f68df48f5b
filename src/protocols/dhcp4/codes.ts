/** Numbers of DHCPv4, under the names the RFCs give them. */

/** Option 53, RFC 2132 §9.6. */
export const MESSAGE_TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** Option codes (RFC 2132, 81: RFC 4702). */
export const OPTION = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  clientIdentifier: 61,
  clientFqdn: 81,
  end: 255,
} as const;

export const BOOT_REQUEST = 1;
export const BOOT_REPLY = 2;
/** The one bit of `flags` that has a meaning: answer by broadcast (RFC 2131 §2, figure 2). */
export const BROADCAST_FLAG = 0x8000;

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

/** PCP result codes (RFC 6887 §7.4): what they are called, what they mean to a user, and when to ask again. */

export const PCP_RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorized: 2,
  malformedRequest: 3,
  unsupportedOpcode: 4,
  unsupportedOption: 5,
  malformedOption: 6,
  networkFailure: 7,
  noResources: 8,
  unsupportedProtocol: 9,
  userExQuota: 10,
  cannotProvideExternal: 11,
  addressMismatch: 12,
  excessiveRemotePeers: 13,
} as const;

interface ResultText {
  /** The RFC's name. */
  readonly name: string;
  readonly words: string;
}

const TEXTS: Readonly<Record<number, ResultText>> = {
  0: { name: 'SUCCESS', words: 'done' },
  1: { name: 'UNSUPP_VERSION', words: 'the router speaks another version' },
  2: { name: 'NOT_AUTHORIZED', words: 'the router does not allow it' },
  3: { name: 'MALFORMED_REQUEST', words: 'the router did not understand the request' },
  4: { name: 'UNSUPP_OPCODE', words: 'the router does not make mappings' },
  5: { name: 'UNSUPP_OPTION', words: 'the router does not know an option' },
  6: { name: 'MALFORMED_OPTION', words: 'the router did not understand an option' },
  7: { name: 'NETWORK_FAILURE', words: 'the router has no connection to the Internet' },
  8: { name: 'NO_RESOURCES', words: 'the router has no room for more mappings' },
  9: { name: 'UNSUPP_PROTOCOL', words: 'the router does not forward this protocol' },
  10: { name: 'USER_EX_QUOTA', words: 'the router allows no more mappings for this address' },
  11: { name: 'CANNOT_PROVIDE_EXTERNAL', words: 'the external port is taken' },
  12: { name: 'ADDRESS_MISMATCH', words: 'another device changes the address on the way to the router' },
  13: { name: 'EXCESSIVE_REMOTE_PEERS', words: 'the router allows no more filters' },
};

/** Name and meaning of a code; unknown ones are named by their number. */
export function pcpResultText(code: number): ResultText {
  return TEXTS[code] ?? { name: `result ${code}`, words: 'the router gives a reason that is not standard' };
}

/**
 * Seconds before the same request makes sense again: an error carries its own lifetime (§7.4), which is held to
 * between half a minute and half an hour, since a wrong one would lock a user out of a router he has just set right.
 */
export function pcpRetryAfter(lifetime: number): number {
  return Math.min(Math.max(lifetime, 30), 1800);
}

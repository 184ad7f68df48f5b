/** NAT-PMP result codes (RFC 6886 §3.5). */

export const NATPMP_RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorized: 2,
  networkFailure: 3,
  outOfResources: 4,
  unsupportedOpcode: 5,
} as const;

const TEXTS: Readonly<Record<number, { readonly name: string; readonly words: string }>> = {
  0: { name: 'Success', words: 'done' },
  1: { name: 'Unsupported Version', words: 'the router speaks another version' },
  2: {
    name: 'Not Authorized/Refused',
    words: 'port mapping is switched off on the router, or not allowed for this address',
  },
  3: { name: 'Network Failure', words: 'the router has no connection to the Internet' },
  4: { name: 'Out of resources', words: 'the router has no room for more mappings' },
  5: { name: 'Unsupported opcode', words: 'the router does not make mappings' },
};

/** Name and meaning of a code; unknown ones are named by their number. */
export function natPmpResultText(code: number): { readonly name: string; readonly words: string } {
  return TEXTS[code] ?? { name: `result ${code}`, words: 'the router gives a reason that is not standard' };
}

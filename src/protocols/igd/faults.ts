/** Error codes of WANIPConnection:1 and :2 (§2.4 and §2.5 there) and of the Device Architecture, as reasons. */

export type IgdReason =
  /** Vendors and standards all mean: this address or port may not be mapped by you. */
  | 'not-authorized'
  | 'conflict'
  | 'only-permanent-leases'
  | 'no-such-entry'
  | 'end-of-list'
  | 'same-port-required'
  | 'no-wildcards'
  | 'table-full'
  /** IPv6: nothing is kept out, so there is no hole to make. */
  | 'firewall-off'
  /** IPv6: the router's settings do not let devices open pinholes. */
  | 'pinholes-not-allowed'
  /** IPv6: the pinhole is there, and nobody has come through yet. */
  | 'no-traffic'
  | 'unknown-action'
  | 'invalid-arguments'
  | 'action-failed'
  | 'other';

/** What a fault means; `name` and `words` are for people. */
export interface IgdMeaning {
  readonly reason: IgdReason;
  readonly name: string;
  readonly words: string;
}

const REASONS: Readonly<Record<number, IgdMeaning>> = {
  401: { reason: 'unknown-action', name: 'Invalid Action', words: 'the router does not know the action' },
  402: { reason: 'invalid-arguments', name: 'Invalid Args', words: 'the router does not accept the arguments' },
  501: { reason: 'action-failed', name: 'Action Failed', words: 'the router could not do it' },
  600: {
    reason: 'invalid-arguments',
    name: 'Argument Value Invalid',
    words: 'the router does not accept the arguments',
  },
  601: {
    reason: 'invalid-arguments',
    name: 'Argument Value Out of Range',
    words: 'the router does not accept the arguments',
  },
  602: {
    reason: 'unknown-action',
    name: 'Optional Action Not Implemented',
    words: 'the router does not know the action',
  },
  603: { reason: 'table-full', name: 'Out of Memory', words: 'the router has no room for more mappings' },
  605: {
    reason: 'invalid-arguments',
    name: 'String Argument Too Long',
    words: 'the router does not accept the arguments',
  },
  606: {
    reason: 'not-authorized',
    name: 'Action Not Authorized',
    words: 'the router does not allow it for this address',
  },
  713: { reason: 'end-of-list', name: 'SpecifiedArrayIndexInvalid', words: 'the list ends here' },
  714: { reason: 'no-such-entry', name: 'NoSuchEntryInArray', words: 'the router has no such mapping' },
  715: {
    reason: 'no-wildcards',
    name: 'WildCardNotPermittedInSrcIP',
    words: 'the router wants to know the remote host',
  },
  716: {
    reason: 'no-wildcards',
    name: 'WildCardNotPermittedInExtPort',
    words: 'the router wants to know the external port',
  },
  718: {
    reason: 'conflict',
    name: 'ConflictInMappingEntry',
    words: 'the external port is taken, or may not be given to this address',
  },
  724: {
    reason: 'same-port-required',
    name: 'SamePortValuesRequired',
    words: 'the router wants the same number inside and outside',
  },
  725: {
    reason: 'only-permanent-leases',
    name: 'OnlyPermanentLeasesSupported',
    words: 'the router makes mappings without end only',
  },
  726: { reason: 'no-wildcards', name: 'RemoteHostOnlySupportsWildcard', words: 'the router wants no remote host' },
  727: {
    reason: 'no-wildcards',
    name: 'ExternalPortOnlySupportsWildcard',
    words: 'the router wants no external port',
  },
  728: { reason: 'table-full', name: 'NoPortMapsAvailable', words: 'the router has no room for more mappings' },
  729: {
    reason: 'conflict',
    name: 'ConflictWithOtherMechanisms',
    words: 'the external port is taken by a rule made in the router’s own settings',
  },
  732: {
    reason: 'no-wildcards',
    name: 'WildCardNotPermittedInIntPort',
    words: 'the router wants to know the internal port',
  },
};

/** Codes that mean something else, or nothing, to a port mapping (WANIPv6FirewallControl:1 §2.5). */
const PINHOLE_REASONS: Readonly<Record<number, IgdMeaning>> = {
  701: { reason: 'table-full', name: 'PinholeSpaceExhausted', words: 'the router has no room for more pinholes' },
  702: { reason: 'firewall-off', name: 'FirewallDisabled', words: 'the router’s IPv6 firewall is switched off' },
  703: {
    reason: 'pinholes-not-allowed',
    name: 'InboundPinholeNotAllowed',
    words: 'its settings do not let devices open its IPv6 firewall',
  },
  704: { reason: 'no-such-entry', name: 'NoSuchEntry', words: 'the router has no such pinhole' },
  705: { reason: 'invalid-arguments', name: 'ProtocolNotSupported', words: 'the router does not filter this protocol' },
  706: {
    reason: 'no-wildcards',
    name: 'InternalPortWildcardingNotAllowed',
    words: 'the router wants to know the internal port',
  },
  707: {
    reason: 'no-wildcards',
    name: 'ProtocolWildcardingNotAllowed',
    words: 'the router wants to know the protocol',
  },
  708: {
    reason: 'no-wildcards',
    name: 'WildCardNotPermittedInSrcIP',
    words: 'the router wants to know the remote host',
  },
  709: { reason: 'no-traffic', name: 'NoTrafficReceived', words: 'nobody has come through the pinhole yet' },
};

/** What a fault means; `name` and `words` for people. Codes of vendors are `other`. */
export function igdReason(code: number): IgdMeaning {
  return (
    REASONS[code] ?? { reason: 'other', name: `error ${code}`, words: 'the router gives a reason that is not standard' }
  );
}

/** The same for a fault of WANIPv6FirewallControl. */
export function pinholeReason(code: number): IgdMeaning {
  return PINHOLE_REASONS[code] ?? igdReason(code);
}

/** What to do about a BGP session that does not come about, in a few words. */

/** By what is said of it (`describeCause`), most particular first. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/Bad Peer AS/, 'one side is in another AS than the other expects: compare the AS of both in the settings of both'],
  [/is in AS \d+/, 'write the AS that the peer is in'],
  [/Bad BGP Identifier/, 'two speakers have one router ID: set bgp_routerid'],
  [/Unacceptable Hold Time/, 'agree on a longer hold time (bgp_hold_time)'],
  [/Administrative Shutdown/, 'it was shut down there on purpose'],
  [
    /Connection Collision/,
    'the router has another session with this node: that one ends by itself, unless a second agent runs on the node',
  ],
  [/Peer De-configured|Connection Rejected/, 'the router does not know this node as a neighbour: add it there'],
  [/Maximum Number of Prefixes/, 'the router takes fewer routes from this node: raise its limit'],
  [/same password/, 'compare the passwords of both'],
  [/no answer/, 'see that the router can be reached from this node, and that nothing between them drops TCP port 179'],
  [/refused/i, 'see that BGP runs there, on this port, and knows this node as a neighbour'],
  [/unreach|no route/i, 'give this node a way to the router'],
  [/Hold Timer Expired|silent/, 'the path to it is broken, or it is overloaded'],
  [/the peer ended|over at once|closed/, 'the router takes no session from this node: add it there as a neighbour'],
];

/** Undefined: what is said is all that is known. */
export function adviceFor(problem: string): string | undefined {
  return ADVICE.find(([pattern]) => pattern.test(problem))?.[1];
}

/**
 * A router as `controlPlane.bgpPeers` names it: one entry of kube-vip's `bgp_peers`, with nothing where a password would
 * be. What follows the password is the agent's business, except for the port.
 */
import { parseIp, type Ip } from '../model/ip.ts';

export interface BgpPeerEntry {
  /** Undefined: whatever router advertises itself on an interface. */
  readonly at: { readonly ip: Ip; readonly link?: string } | undefined;
  readonly as: number;
  readonly port: number;
}

const BGP_PORT = 179;
/** Address and AS, and after an empty password: hops, port, next hops, BFD. */
const ENTRY =
  /^(?:\[([^\]%\s]+)(?:%([^\]\s]+))?\]|([\d.]+)|unnumbered:[^\s:,/]{1,15}):(\d{1,10})(?:::[a-z]*(?::(\d*)(?::[^\s,]*)?)?)?$/;

/** Undefined: it is none. */
export function parseBgpPeer(text: string): BgpPeerEntry | undefined {
  const match = ENTRY.exec(text);
  if (match === null) return undefined;
  const [, v6, link, v4, asText = '', portText = ''] = match;
  const address = v6 ?? v4;
  const ip = address === undefined ? undefined : parseIp(address);
  const as = Number(asText);
  const port = portText === '' ? BGP_PORT : Number(portText);
  if (address !== undefined && ip === undefined) return undefined;
  if (as < 1 || as > 4_294_967_295 || port < 1 || port > 65_535) return undefined;
  return { at: ip === undefined ? undefined : { ip, ...(link === undefined ? {} : { link }) }, as, port };
}

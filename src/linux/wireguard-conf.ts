/** A tunnel in the words of wg(8), for `wg syncconf`. It holds keys: for a file in memory only. */
import type { Tunnel } from '../exposure/announcement/tunnel/port.ts';
import { prefixOf } from '../model/cidr.ts';
import { hostPort, type Ip } from '../model/ip.ts';

/** @param keepalive seconds; 0: none */
export function wireguardConf(tunnel: Tunnel, endpoint: Ip, keepalive: number): string {
  const { privateKey, listenPort, peerPublicKey, presharedKey, allowedIps } = tunnel;
  return [
    '[Interface]',
    `PrivateKey = ${privateKey.reveal()}`,
    `ListenPort = ${listenPort}`,
    '[Peer]',
    `PublicKey = ${peerPublicKey}`,
    ...(presharedKey === undefined ? [] : [`PresharedKey = ${presharedKey.reveal()}`]),
    `AllowedIPs = ${allowedIps.map(prefixOf).join(', ')}`,
    `Endpoint = ${hostPort(endpoint, tunnel.endpoint.port)}`,
    `PersistentKeepalive = ${keepalive === 0 ? 'off' : keepalive}`,
    '',
  ].join('\n');
}

/** What the stage found about holes in the IPv6 firewall of a router, in words for people. */
import { ready, type Decision } from '../../model/decision.ts';
import { isPinholeService } from '../../protocols/igd/pinhole.ts';
import type { MappingRecord, RouterMapping, WantedPort } from './port.ts';
import { reachabilityOf } from './reachability.ts';
import { hostPort } from '../../model/ip.ts';

/** `ready`, with the addresses that the Internet can come to. */
export function explainPinholes(records: readonly MappingRecord[]): Decision<RouterMapping> {
  const [first] = records;
  const outer = first?.externalIp;
  const reachability = reachabilityOf(outer);
  const places = records.map((record) => pinholeText(record.externalIp ?? record.internalIp, record)).join(', ');
  const how = first && isOff(first) ? 'its IPv6 firewall is switched off, which lets in' : 'its IPv6 firewall lets in';
  const text = `router ${String(first?.gateway)} (${first?.method === 'pcp' ? 'PCP' : 'UPnP IGD:2'}): ${how} ${places}`;
  const mapping = { records, reachability, families: { 6: reachability } };
  return reachability === 'public'
    ? ready(mapping, 'PinholeOpen', text)
    : ready(mapping, 'NotPublic', `${text}, but ${String(outer)} is an address that the Internet does not route to`);
}

/** No hole was made, since there is no wall. */
function isOff({ serviceType, uniqueId }: MappingRecord): boolean {
  return serviceType !== undefined && isPinholeService(serviceType) && uniqueId === undefined;
}

/** `[2001:db8::1]:80`; only UDP is said. */
export function pinholeText(address: string, { protocol, internalPort }: Omit<WantedPort, 'externalPort'>): string {
  return `${hostPort(address, internalPort)}${protocol === 'UDP' ? '/UDP' : ''}`;
}

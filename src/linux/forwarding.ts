/** Whether this machine passes packets of others on. */
import type { Family } from '../model/ip.ts';
import { readWhole } from './machine/read.ts';

/** @param link by name; for IPv4 each one has its own say (ip-sysctl.rst) */
export function forwards(family: Family, link: string, netns?: string): boolean {
  const path = family === 4 ? `/proc/sys/net/ipv4/conf/${link}/forwarding` : '/proc/sys/net/ipv6/conf/all/forwarding';
  return readWhole(path, netns)?.trim() === '1';
}

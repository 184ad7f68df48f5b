import type { Ip } from '../../model/ip.ts';
import type { AddressTable } from '../announcement/port.ts';

/** A table that also tells of each address that the kernel has been given, or given again. */
export function reporting<T extends AddressTable>(table: T, onSet: (ip: Ip) => void): T {
  return {
    ...table,
    set: (linkIndex, ip, prefixLength, validSeconds) => {
      table.set(linkIndex, ip, prefixLength, validSeconds);
      onSet(ip);
    },
  };
}

/** A bound TCP socket in another network namespace, for Node to listen on. */
import { AF, SO, SOCK, SOL } from '../../linux/constants.ts';
import { loadLibc } from '../../linux/libc.ts';
import { withNetns } from '../../linux/netns.ts';
import { check } from '../../linux/os-error.ts';
import { encodeSockaddr, int32 } from '../../linux/sockaddr.ts';
import { ip } from '../../model/ip.ts';

/** @returns a file descriptor. @throws OsError when the namespace does not exist or the address is not free. */
export function openListener(netns: string, host: string, port: number): number {
  const libc = loadLibc();
  return withNetns(
    netns,
    () => {
      const family = host.includes(':') ? AF.INET6 : AF.INET;
      const fd = check(libc, libc.socket(family, SOCK.STREAM | SOCK.CLOEXEC, 0), 'open a TCP socket');
      try {
        check(libc, libc.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, int32(1), 4), 'reuse an address');
        const address = encodeSockaddr({ ip: ip(host), port });
        check(libc, libc.bind(fd, address, address.length), `bind to ${host} port ${port} in ${netns}`);
        return fd;
      } catch (error) {
        libc.close(fd);
        throw error;
      }
    },
    libc,
  );
}

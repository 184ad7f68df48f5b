/** The node's network, or that of one network namespace. */
import type { Network } from '../model/wire.ts';
import { openDatagramSocket } from './datagram-socket.ts';
import { openFrameSocket } from './frame-socket.ts';
import { exchangeHttp } from './http.ts';
import { loadLibc } from './libc.ts';
import { openLinkTable, type LinkTable } from './link-table.ts';
import { withNetns } from './netns.ts';

export interface NetworkOptions {
  /** Network namespace by name, as in `ip netns`; this process's own when absent. */
  readonly netns?: string;
}

export interface LinuxNetwork extends Network {
  /** Ends the watch over the links. Sockets are closed by those who opened them. */
  close(): void;
}

/**
 * Links are read when first asked for. Nothing here keeps the process alive but requests under way.
 * Every call throws OsError where the kernel refuses.
 */
export function createNetwork(options: NetworkOptions = {}): LinuxNetwork {
  const libc = loadLibc();
  const inside = <T>(fn: () => T): T => withNetns(options.netns, fn, libc);
  let table: LinkTable | undefined;
  const linkTable = (): LinkTable => (table ??= inside(() => openLinkTable(libc)));
  return {
    links: () => linkTable().links(),
    onChange: (callback) => linkTable().onChange(callback),
    openFrames: (wanted, onFrame) => inside(() => openFrameSocket(libc, wanted, onFrame)),
    openDatagrams: async (wanted) => await Promise.resolve(inside(() => openDatagramSocket(libc, wanted))),
    http: async (request) => await inside(() => exchangeHttp(libc, request)),
    close: () => {
      table?.close();
      table = undefined;
    },
  };
}

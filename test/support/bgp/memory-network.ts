/** TCP and UDP between speakers without a kernel. */
import { KubevipError } from '../../../src/model/errors.ts';
import type { Ip } from '../../../src/model/ip.ts';
import type { Clock } from '../../../src/model/time.ts';
import type {
  BfdTransport,
  Call,
  ConnectionHandlers,
  Expected,
  PeerConnection,
  PeerTransport,
} from '../../../src/exposure/bgp/port.ts';

export interface MemoryNetwork {
  /** The network as the machine with this address has it. */
  machine(ip: Ip): { readonly transport: PeerTransport; readonly bfd: BfdTransport };
  /** Everything said by TCP, in order. */
  readonly said: { readonly by: Ip; readonly bytes: Uint8Array }[];
  /** Whether packets of BFD arrive. */
  bfdWorks: boolean;
  /** Whether callers are gone before they can be answered. */
  callersVanish: boolean;
  /** Whether anybody else listens on port 179 everywhere. */
  portTaken: boolean;
}

interface Pipe extends PeerConnection {
  readonly handlers: ConnectionHandlers;
  other?: Pipe;
  over: boolean;
}

export function createMemoryNetwork(clock: Clock): MemoryNetwork {
  const listeners = new Map<string, { onCall: (call: Call) => void; expected: readonly Expected[] }>();
  const ears = new Map<string, (packet: Uint8Array, from: Ip) => void>();

  const pipe = (localIp: Ip, handlers: ConnectionHandlers): Pipe => {
    const self: Pipe = {
      localIp,
      handlers,
      over: false,
      send: (bytes) => {
        network.said.push({ by: localIp, bytes });
        clock.after(1, () => {
          if (self.other?.over === false) self.other.handlers.onData(bytes);
        });
        return true;
      },
      close: () => {
        self.over = true;
        clock.after(2, () => {
          if (self.other?.over !== false) return;
          self.other.over = true;
          self.other.handlers.onLost('the peer closed the connection');
        });
      },
    };
    return self;
  };

  const network: MemoryNetwork = {
    said: [],
    bfdWorks: true,
    callersVanish: false,
    portTaken: false,
    machine: (ip) => ({
      transport: {
        dial({ to, password }, handlers) {
          let cancelled = false;
          clock.after(1, () => {
            if (cancelled) return;
            const listener = listeners.get(`${to.ip} ${to.port}`);
            if (listener === undefined) {
              handlers.onLost(`cannot connect to ${to.ip} port ${to.port}: ECONNREFUSED`);
              return;
            }
            const expected = listener.expected.find((each) => each.ip === ip);
            // As the kernel does: what is signed wrongly is dropped.
            if (expected?.password !== password) return;
            let taken: Pipe | undefined;
            listener.onCall({
              from: ip,
              link: undefined,
              localIp: to.ip,
              accept: (_distance, theirs) => {
                if (network.callersVanish) throw new Error('the caller is gone');
                return (taken = pipe(to.ip, theirs));
              },
              refuse: () => undefined,
            });
            if (taken === undefined) {
              handlers.onLost('the peer closed the connection');
              return;
            }
            const mine = pipe(ip, handlers);
            mine.other = taken;
            taken.other = mine;
            handlers.onConnected(mine);
          });
          return () => {
            cancelled = true;
          };
        },
        listen({ port, onCall }) {
          if (network.portTaken) throw new KubevipError(`cannot listen on TCP port ${port}: EADDRINUSE`, { code: 'X' });
          const entry = { onCall, expected: [] as readonly Expected[] };
          listeners.set(`${ip} ${port}`, entry);
          return {
            expect: (peers) => {
              entry.expected = peers;
            },
            close: () => listeners.delete(`${ip} ${port}`),
          };
        },
      },
      bfd: {
        open: ({ peerIp, multihop }) => ({
          send: (packet) =>
            void clock.after(1, () => {
              if (network.bfdWorks) ears.get(`${peerIp} ${multihop}`)?.(packet, ip);
            }),
          close: () => undefined,
        }),
        listen({ multihop, onPacket }) {
          ears.set(`${ip} ${multihop}`, (packet, from) => onPacket({ packet, from, link: undefined }));
          return { close: () => ears.delete(`${ip} ${multihop}`) };
        },
      },
    }),
  };
  return network;
}

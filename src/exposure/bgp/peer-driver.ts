/** Gives the machine of one peer its connections and its time. */
import { messageOf } from '../../model/errors.ts';
import type { Clock, Entropy, Timer } from '../../model/time.ts';
import type { PeerInput, PeerOutput } from '../../protocols/bgp/session/events.ts';
import { createPeer, type BgpPeer } from '../../protocols/bgp/session/peer.ts';
import type { Call, ConnectionHandlers, PeerConnection, PeerTransport } from './port.ts';
import { BGP_PORT, type PeerSettings } from './settings.ts';

/** What is not about connections. */
export type PeerNews = Exclude<PeerOutput, { kind: 'connect' | 'accept' | 'refuse' | 'send' | 'close' }>;

export interface PeerDriver {
  readonly settings: PeerSettings;
  readonly machine: Omit<BgpPeer, 'handle' | 'deadline'>;
  /** Everything but what concerns connections. */
  input(input: Exclude<PeerInput, { connection: number } | { kind: 'incoming' | 'tick' }>): void;
  call(call: Call): void;
  /** Lets go of everything without a word. `input` of `stop` comes before. */
  close(): void;
}

export function createPeerDriver(
  settings: PeerSettings,
  world: { readonly clock: Clock; readonly entropy: Entropy; readonly transport: PeerTransport },
  onNews: (news: PeerNews) => void,
): PeerDriver {
  const { clock, transport } = world;
  const machine = createPeer(settings, world.entropy);
  const connections = new Map<number, PeerConnection>();
  const dialling = new Map<number, () => void>();
  const calls = new Map<number, Call>();
  let token = 0;
  let timer: Timer | undefined;
  const inputs: PeerInput[] = [];
  let busy = false;
  let leaving = false;
  let closed = false;

  /** One after the other: what news leads to comes after what the news came with. */
  const handle = (input: PeerInput): void => {
    inputs.push(input);
    if (busy) return;
    busy = true;
    try {
      for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
        if (!closed) machine.handle(next, clock.now()).forEach(perform);
      }
    } finally {
      busy = false;
    }
    if (leaving) letGo();
    else arm();
  };

  const letGo = (): void => {
    closed = true;
    timer?.cancel();
    for (const connection of connections.values()) connection.close();
    for (const cancel of dialling.values()) cancel();
  };

  const arm = (): void => {
    timer?.cancel();
    timer = undefined;
    const due = machine.deadline();
    // What a handler of news has closed meanwhile is not woken up again.
    if (due === undefined || closed) return;
    timer = clock.after(Math.max(0, due - clock.now()), () => handle({ kind: 'tick' }));
  };

  const handlers = (connection: number): ConnectionHandlers => ({
    onData: (bytes) => handle({ kind: 'data', connection, bytes }),
    onDrained: () => handle({ kind: 'drained', connection }),
    onLost: (message) => {
      connections.delete(connection);
      dialling.delete(connection);
      handle({ kind: 'lost', connection, message });
    },
  });

  const dial = (connection: number): void => {
    const { ip, port = BGP_PORT, link, localIp, password, distance } = settings;
    const cancel = transport.dial(
      {
        to: { ip, port },
        distance,
        ...(link !== undefined && { link }),
        ...(localIp !== undefined && { localIp }),
        ...(password !== undefined && { password }),
      },
      {
        ...handlers(connection),
        onConnected: (made) => {
          dialling.delete(connection);
          connections.set(connection, made);
          handle({ kind: 'connected', connection, localIp: made.localIp });
        },
      },
    );
    dialling.set(connection, cancel);
  };

  const perform = (output: PeerOutput): void => {
    switch (output.kind) {
      case 'connect':
        dial(output.connection);
        return;
      case 'accept': {
        const { connection } = output;
        try {
          const made = calls.get(output.token)?.accept(settings.distance, handlers(connection));
          if (made !== undefined) connections.set(connection, made);
        } catch (error) {
          // The caller may be gone already. Told once the machine has said everything.
          const message = messageOf(error);
          clock.after(0, () => handle({ kind: 'lost', connection, message }));
        }
        return;
      }
      case 'refuse':
        calls.get(output.token)?.refuse();
        return;
      case 'send': {
        const { connection } = output;
        const more = connections.get(connection)?.send(output.bytes) ?? true;
        // No outputs come of this, so it may be said in the middle of others.
        if (!more) machine.handle({ kind: 'congested', connection }, clock.now());
        return;
      }
      case 'close': {
        const { connection } = output;
        connections.get(connection)?.close();
        dialling.get(connection)?.();
        connections.delete(connection);
        dialling.delete(connection);
        return;
      }
      default:
        onNews(output);
    }
  };

  return {
    settings,
    machine,
    input: handle,
    call(call) {
      if (closed) {
        call.refuse();
        return;
      }
      const id = ++token;
      calls.set(id, call);
      handle({ kind: 'incoming', token: id, localIp: call.localIp });
      calls.delete(id);
    },
    close() {
      leaving = true;
      if (!busy) letGo();
    },
  };
}

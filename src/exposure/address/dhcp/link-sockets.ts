/** One packet socket per interface, shared by all leases on it. */
import { DecodeError, messageOf } from '../../../model/errors.ts';
import type { FrameSocket, FrameSocketOptions, Link, Network } from '../../../model/wire.ts';
import type { Forms } from '../../../protocols/dhcp-client/events.ts';
import type { LinkEvents, Sockets } from './version.ts';

/** How the messages of a version travel. */
export interface Transport<F extends Forms> {
  readonly frames: Pick<FrameSocketOptions, 'etherType' | 'udpPort'>;
  /** Whether answers may go to a hardware address that no interface has. */
  readonly strayAnswers: boolean;
  /** What an interface that is up lacks. */
  lacks(link: Link): string | undefined;
  encode(link: Link, outgoing: F['outgoing']): Uint8Array;
  /** Undefined for what no server says. @throws DecodeError */
  decode(frame: Uint8Array): F['reply'] | undefined;
}

interface Port {
  /** As it was when the sockets were opened. */
  link: Link | undefined;
  socket: FrameSocket | undefined;
  promiscuous: FrameSocket | undefined;
  up: boolean;
  /** Why there is no socket although there is an interface. */
  trouble: string | undefined;
}

export class LinkSockets<F extends Forms> implements Sockets<F> {
  readonly #network: Network;
  readonly #events: LinkEvents<F>;
  readonly #transport: Transport<F>;
  readonly #ports = new Map<string, Port>();
  readonly #stop: () => void;

  constructor(network: Network, events: LinkEvents<F>, transport: Transport<F>) {
    this.#network = network;
    this.#events = events;
    this.#transport = transport;
    this.#stop = network.onChange(() => {
      for (const name of [...this.#ports.keys()]) this.#refresh(name);
    });
  }

  open(name: string): string | undefined {
    if (!this.#ports.has(name)) {
      const link = this.#find(name);
      const up = this.#isUsable(link);
      const port: Port = { link: undefined, socket: undefined, promiscuous: undefined, up, trouble: undefined };
      this.#ports.set(name, port);
      if (link !== undefined) this.#listen(port, link);
    }
    return this.problem(name);
  }

  problem(name: string): string | undefined {
    const link = this.#find(name);
    if (link === undefined) return `interface ${name} does not exist on this node`;
    if (!link.up) return `interface ${name} is down or has no carrier`;
    return this.#transport.lacks(link) ?? this.#ports.get(name)?.trouble;
  }

  send(name: string, outgoing: F['outgoing']): boolean {
    const port = this.#ports.get(name);
    const link = this.#find(name);
    if (port?.socket === undefined || link === undefined || this.problem(name) !== undefined) return false;
    port.socket.send(this.#transport.encode(link, outgoing));
    return true;
  }

  /**
   * Hears frames addressed to `chaddr` too: a server that does not heed the broadcast flag answers there, where no
   * interface listens. By a second socket: exchanging the first would lose what it has received and not read.
   */
  listenToAll(name: string, wanted: boolean): void {
    const port = this.#ports.get(name);
    if (port?.link === undefined || wanted === (port.promiscuous !== undefined) || !this.#transport.strayAnswers)
      return;
    port.promiscuous?.close();
    port.promiscuous = wanted ? this.#open(port, port.link, true) : undefined;
  }

  close(name: string): void {
    this.#shut(this.#ports.get(name));
    this.#ports.delete(name);
  }

  closeAll(): void {
    this.#stop();
    for (const name of [...this.#ports.keys()]) this.close(name);
  }

  /** Follows an interface that was replaced under its name, or went up or down. */
  #refresh(name: string): void {
    const port = this.#ports.get(name);
    if (port === undefined) return;
    const link = this.#find(name);
    const replaced = link?.index !== port.link?.index || link?.mac !== port.link?.mac;
    if (replaced || (link !== undefined && port.socket === undefined)) {
      this.#shut(port);
      if (link !== undefined) this.#listen(port, link);
    }
    const was = port.up;
    port.up = this.#isUsable(link);
    if (port.up && (!was || replaced)) this.#events.onUp(name);
    if (!port.up && was) this.#events.onDown(name);
  }

  #listen(port: Port, link: Link): void {
    port.link = link;
    port.trouble = undefined;
    port.socket = this.#open(port, link, false);
  }

  #open(port: Port, link: Link, promiscuous: boolean): FrameSocket | undefined {
    const options = { link, ...this.#transport.frames, promiscuous };
    try {
      return this.#network.openFrames(options, (frame) => this.#read(link.name, frame));
    } catch (error) {
      port.trouble = `interface ${link.name} cannot be listened to: ${messageOf(error)}`;
      return undefined;
    }
  }

  #shut(port: Port | undefined): void {
    port?.socket?.close();
    port?.promiscuous?.close();
    if (port !== undefined) [port.socket, port.promiscuous, port.link] = [undefined, undefined, undefined];
  }

  #read(link: string, frame: Uint8Array): void {
    try {
      const reply = this.#transport.decode(frame);
      if (reply !== undefined) this.#events.onReply(link, reply);
    } catch (error) {
      // Anybody on the LAN can send anything to the client's port; what is not DHCP is nothing to us.
      if (!(error instanceof DecodeError)) throw error;
    }
  }

  #isUsable(link: Link | undefined): boolean {
    return link?.up === true && this.#transport.lacks(link) === undefined;
  }

  #find(name: string): Link | undefined {
    return this.#network.links().find((link) => link.name === name);
  }
}

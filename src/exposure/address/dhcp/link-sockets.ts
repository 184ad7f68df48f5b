/** One packet socket per interface, shared by all leases on it. */
import { DecodeError, messageOf } from '../../../model/errors.ts';
import type { FrameSocket, Link, Network } from '../../../model/wire.ts';
import type { Outgoing, Reply } from '../../../protocols/dhcp4/client/events.ts';
import { BOOT_REPLY, CLIENT_PORT, SERVER_PORT } from '../../../protocols/dhcp4/codes.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage } from '../../../protocols/dhcp4/message.ts';

const ETHERTYPE_IPV4 = 0x0800;

export interface LinkSocketEvents {
  /** A server's message to any client on the link. */
  onReply(link: string, reply: Reply): void;
  /** The interface came up, came back or was replaced. */
  onUp(link: string): void;
  /** The interface went down or away. */
  onDown(link: string): void;
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

export class LinkSockets {
  readonly #network: Network;
  readonly #events: LinkSocketEvents;
  readonly #ports = new Map<string, Port>();
  readonly #stop: () => void;

  constructor(network: Network, events: LinkSocketEvents) {
    this.#network = network;
    this.#events = events;
    this.#stop = network.onChange(() => {
      for (const name of [...this.#ports.keys()]) this.#refresh(name);
    });
  }

  /** Opens the socket of an interface unless it is open, and watches for one that is missing. @returns as `problem`. */
  open(name: string): string | undefined {
    if (!this.#ports.has(name)) {
      const link = this.#find(name);
      const up = link?.up === true;
      const port: Port = { link: undefined, socket: undefined, promiscuous: undefined, up, trouble: undefined };
      this.#ports.set(name, port);
      if (link !== undefined) this.#listen(port, link);
    }
    return this.problem(name);
  }

  /** What keeps DHCP from being spoken on an interface; undefined when nothing does. */
  problem(name: string): string | undefined {
    const link = this.#find(name);
    if (link === undefined) return `interface ${name} does not exist on this node`;
    if (!link.up) return `interface ${name} is down or has no carrier`;
    return this.#ports.get(name)?.trouble;
  }

  /** @returns whether it could be put on the wire; what becomes of it there nobody knows. */
  send(name: string, outgoing: Outgoing): boolean {
    const port = this.#ports.get(name);
    if (port?.socket === undefined || port.link === undefined || this.problem(name) !== undefined) return false;
    const { sourceIp, targetIp, targetMac } = outgoing;
    const frame = encodeUdpFrame({
      // The node's own address, never `chaddr`: access points and switches drop what comes from an address they do not know.
      sourceMac: port.link.mac,
      targetMac,
      sourceIp,
      targetIp,
      sourcePort: CLIENT_PORT,
      targetPort: SERVER_PORT,
      payload: encodeMessage(outgoing.message),
    });
    port.socket.send(frame);
    return true;
  }

  /**
   * Hears frames addressed to `chaddr` too: a server that does not heed the broadcast flag answers there, where no
   * interface listens. By a second socket: exchanging the first would lose what it has received and not read.
   */
  listenToAll(name: string, wanted: boolean): void {
    const port = this.#ports.get(name);
    if (port?.link === undefined || wanted === (port.promiscuous !== undefined)) return;
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
    port.up = link?.up === true;
    if (port.up && (!was || replaced)) this.#events.onUp(name);
    if (!port.up && was) this.#events.onDown(name);
  }

  #listen(port: Port, link: Link): void {
    port.link = link;
    port.trouble = undefined;
    port.socket = this.#open(port, link, false);
  }

  #open(port: Port, link: Link, promiscuous: boolean): FrameSocket | undefined {
    const options = { link, etherType: ETHERTYPE_IPV4, udpPort: CLIENT_PORT, promiscuous };
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
      const { sourceIp, sourceMac, payload } = decodeUdpFrame(frame);
      const message = decodeMessage(payload);
      if (message.op === BOOT_REPLY) this.#events.onReply(link, { message, sourceIp, sourceMac });
    } catch (error) {
      // Anybody on the LAN can send anything to port 68; what is not DHCP is nothing to us.
      if (!(error instanceof DecodeError)) throw error;
    }
  }

  #find(name: string): Link | undefined {
    return this.#network.links().find((link) => link.name === name);
  }
}

/** One client and the servers on its LAN, under simulated time and without any I/O. */
import type { Ip } from '../../../src/model/ip.ts';
import type { Entropy, Milliseconds } from '../../../src/model/time.ts';
import type { ClientInput, ClientOutput, Outgoing } from '../../../src/protocols/dhcp4/client/events.ts';
import type { HeldLease } from '../../../src/protocols/dhcp4/client/lease.ts';
import { createDhcpClient, type DhcpClient } from '../../../src/protocols/dhcp4/client/machine.ts';
import { OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { addressOption, byteOption } from '../../../src/protocols/dhcp4/options.ts';
import { createModelServer, seededEntropy, type ModelServer } from './model-server.ts';

export interface Sent {
  readonly at: Milliseconds;
  readonly type: number;
  readonly outgoing: Outgoing;
}

export class Harness {
  readonly client: DhcpClient;
  readonly sent: Sent[] = [];
  /** All outputs but messages. */
  readonly reports: Exclude<ClientOutput, { kind: 'send' }>[] = [];
  readonly servers: ModelServer[];
  /** Frames that are lost on the way to the servers. */
  lost: (outgoing: Outgoing) => boolean = () => false;
  now: Milliseconds = 1_000_000;

  constructor(
    options: { servers?: ModelServer[]; entropy?: Entropy; requested?: Ip; uid?: string; hostname?: string } = {},
  ) {
    const { requested, uid = 'uid-web', hostname = 'web' } = options;
    this.servers = options.servers ?? [createModelServer()];
    this.client = createDhcpClient(
      { ...identityOf(uid), hostname, ...(requested === undefined ? {} : { requested }) },
      options.entropy ?? seededEntropy(),
    );
  }

  give(input: ClientInput): void {
    for (const output of this.client.handle(input, this.now)) {
      if (output.kind === 'send') this.#carry(output);
      else this.reports.push(output);
    }
  }

  /** Lets time pass, ticking at every deadline on the way. */
  pass(duration: Milliseconds): void {
    const end = this.now + duration;
    for (let ticks = 0; ; ticks++) {
      if (ticks > 100_000) throw new Error(`the machine ticks without end in ${this.client.state}`);
      const due = this.client.deadline();
      if (due === undefined || due > end) break;
      this.now = Math.max(this.now, due);
      this.give({ kind: 'tick' });
    }
    this.now = end;
  }

  /** Message types sent since the beginning, or since the last call. */
  types(): number[] {
    return this.sent.splice(0).map(({ type }) => type);
  }

  get last(): Sent {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error('nothing was sent');
    return last;
  }

  get lease(): HeldLease {
    if (this.client.lease === undefined) throw new Error(`no lease in ${this.client.state}`);
    return this.client.lease;
  }

  #carry(outgoing: Outgoing): void {
    this.sent.push({ at: this.now, type: byteOption(outgoing.message.options, OPTION.messageType) ?? 0, outgoing });
    if (this.lost(outgoing)) return;
    for (const server of this.servers) {
      const reply = server.answer(outgoing);
      if (reply !== undefined) this.give({ kind: 'message', reply });
    }
  }
}

/** A harness whose client has its first lease. */
export function boundHarness(options: ConstructorParameters<typeof Harness>[0] = {}): Harness {
  const harness = new Harness(options);
  harness.give({ kind: 'start' });
  if (harness.client.state !== 'BOUND') throw new Error(`expected a lease, got ${harness.client.state}`);
  harness.sent.length = 0;
  harness.reports.length = 0;
  return harness;
}

export function requestedOf({ message }: Outgoing): Ip | undefined {
  return addressOption(message.options, OPTION.requestedAddress);
}

export function serverOf({ message }: Outgoing): Ip | undefined {
  return addressOption(message.options, OPTION.serverIdentifier);
}

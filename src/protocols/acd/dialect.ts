/** What address conflict detection has to say and to hear, whatever protocol a family speaks on the link. */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { FrameSocketOptions } from '../../model/wire.ts';

export interface Dialect<Frame> {
  /** All that a socket has to deliver. */
  readonly hears: Pick<FrameSocketOptions, 'etherType' | 'icmpTypes'>;
  /** Where another host asks for an address that it is about to take; undefined: by broadcast. */
  groupOf(ip: Ip): Mac | undefined;
  encode(frame: Frame): Uint8Array;
  /** @throws DecodeError */
  decode(data: Uint8Array): Frame;
  /** Tells everyone that `mac` has the address: first in the form that most hosts learn from, then for the others. */
  announcement(mac: Mac, ip: Ip): readonly [Frame, ...Frame[]];
  /** Asks for an address without claiming any. @param nonce makes it known as our own when it comes back. */
  probe(mac: Mac, ip: Ip, nonce?: Uint8Array): Frame;
  /** Whether `mac` sent the frame itself, perhaps by a link that leads back. @param nonce of one of its probes. */
  isEcho(frame: Frame, mac: Mac, nonce?: Uint8Array): boolean;
  /** The address that a frame asks for, and what `mac` answers if it has it. Undefined for what cannot be answered. */
  answer(mac: Mac, frame: Frame): { readonly ip: Ip; readonly frame: Frame } | undefined;
  /** The address that the sender says it has, and the machine that has it. */
  claim(frame: Frame): { readonly ip: Ip; readonly mac: Mac } | undefined;
  /** The address that the sender is about to take if nobody has it. */
  probed(frame: Frame): { readonly ip: Ip; readonly mac: Mac } | undefined;
}

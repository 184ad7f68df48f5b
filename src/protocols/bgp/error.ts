/** What a peer's bytes are refused with, as RFC 4271 §6 has it told to the peer. */
import { DecodeError } from '../../model/errors.ts';

export class BgpDecodeError extends DecodeError {
  /** Error code of the NOTIFICATION that answers this. */
  readonly code: number;
  readonly subcode: number;
  /** Data field of that NOTIFICATION. */
  readonly data: Uint8Array;

  constructor(code: number, subcode: number, message: string, data: Uint8Array = new Uint8Array()) {
    super(message);
    this.code = code;
    this.subcode = subcode;
    this.data = data;
  }
}

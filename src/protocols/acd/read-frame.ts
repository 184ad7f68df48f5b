import { DecodeError } from '../../model/errors.ts';
import type { Dialect } from './dialect.ts';

/** Undefined for what is none of this dialect: anyone may send anything. */
export function readFrame<Frame>(dialect: Dialect<Frame>, data: Uint8Array): Frame | undefined {
  try {
    return dialect.decode(data);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

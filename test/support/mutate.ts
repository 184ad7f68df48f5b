/** Hostile inputs made from valid ones: bits flipped, cut, grown, lengths that lie, pieces of others, or nothing valid at all. */
import type { Chance } from './chance.ts';

/** Values that lengths, counts and pointers are lied about with. */
const LIES = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff];
const LARGEST = 1500;

export function mutate(chance: Chance, seeds: readonly Uint8Array[]): Uint8Array {
  if (chance.happens(0.05)) return chance.bytes(chance.below(LARGEST));
  let bytes = Uint8Array.from(chance.pick(seeds));
  for (let rounds = 1 + chance.below(4); rounds > 0; rounds--) bytes = once(chance, bytes, seeds);
  return bytes;
}

function once(chance: Chance, bytes: Uint8Array, seeds: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = Uint8Array.from(bytes);
  const at = out.length === 0 ? 0 : chance.below(out.length);
  switch (chance.below(7)) {
    case 0:
      if (out.length > 0) out[at] = (out[at] ?? 0) ^ (1 << chance.below(8));
      return out;
    case 1:
      if (out.length > 0) out[at] = chance.pick(LIES);
      return out;
    case 2:
      return out.slice(0, at);
    case 3:
      return Uint8Array.from([...out.subarray(0, at), ...chance.bytes(chance.below(64)), ...out.subarray(at)]);
    case 4: {
      const other = chance.pick(seeds);
      return Uint8Array.from([
        ...out.subarray(0, at),
        ...other.subarray(other.length === 0 ? 0 : chance.below(other.length)),
      ]);
    }
    case 5: {
      // One piece many times: deep and large structures.
      const piece = out.subarray(at, at + 1 + chance.below(40));
      const times = Math.min(chance.below(200), Math.floor(LARGEST / Math.max(1, piece.length)));
      return Uint8Array.from([
        ...out.subarray(0, at),
        ...Array.from({ length: times }, () => [...piece]).flat(),
        ...out.subarray(at),
      ]);
    }
    default:
      return Uint8Array.from([
        ...out.subarray(0, at),
        ...out.subarray(Math.min(out.length, at + 1 + chance.below(16))),
      ]);
  }
}

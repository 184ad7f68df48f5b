import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAsPath, encodeAsPath, mergePaths } from '../../../src/protocols/bgp/as-path.ts';
import { MAX_MESSAGE_BYTES } from '../../../src/protocols/bgp/codes.ts';
import { createFramer } from '../../../src/protocols/bgp/framing.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/bgp/message.ts';
import { encodePrefix, prefixesIn, readNlri } from '../../../src/protocols/bgp/prefix.ts';
import { asPath, message, prefix } from './arbitraries.ts';

describe('BGP codec', () => {
  it('reads back every message it writes, to speakers of long and of short AS numbers', () => {
    fc.assert(
      fc.property(message, fc.boolean(), (each, as4) => {
        const bytes = encodeMessage(each, as4);
        expect(bytes.length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
        const frames = [...createFramer().push(bytes)];
        expect(frames.map((frame) => decodeMessage(frame, as4))).toEqual([each]);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads a stream the same however it is cut', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 10 }), (messages, cuts) => {
        const stream = Buffer.concat(messages.map((each) => encodeMessage(each)));
        const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const framer = createFramer();
        const read = at.flatMap((start, i) => [...framer.push(stream.subarray(start, at[i + 1] ?? stream.length))]);
        expect(read.map((frame) => decodeMessage(frame))).toEqual(messages);
      }),
    );
  });

  it('finds the true path behind AS_TRANS', () => {
    fc.assert(
      fc.property(asPath, (path) => {
        const short = decodeAsPath(encodeAsPath(path, 2), 2);
        const long = decodeAsPath(encodeAsPath(path, 4), 4);
        expect(long).toEqual(path);
        expect(mergePaths(short!, long)).toEqual(path);
      }),
    );
  });

  it('keeps prefixes in order', () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(4 as const, 6 as const)
          .chain((family) => fc.tuple(fc.constant(family), fc.array(prefix(family)))),
        ([family, prefixes]) => {
          const read = readNlri(Buffer.concat(prefixes.map(encodePrefix)), family);
          expect(typeof read === 'string' ? read : prefixesIn(read)).toEqual(prefixes);
        },
      ),
    );
  });
});

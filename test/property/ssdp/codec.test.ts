import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSsdp, encodeSsdpAnswer, encodeSsdpNotify, encodeSsdpSearch } from '../../../src/protocols/ssdp/codec.ts';
import { valueOrDecodeError } from '../../support/decoding.ts';

/** One header value, as it comes back: without blanks around it. */
const value = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/);
const number = fc.integer({ min: 0, max: 0x7fff_ffff });
const advert = {
  target: value,
  usn: value,
  location: fc.webUrl(),
  server: value,
  maxAge: number,
  bootId: number,
};
const required = ['kind', 'target', 'usn'] as const;

describe('SSDP codec', () => {
  it('reads back every search, answer and announcement it writes', () => {
    const search = fc.record({ kind: fc.constant('search' as const), target: value, maxWait: number });
    const answer = fc.record({ kind: fc.constant('answer' as const), ...advert }, { requiredKeys: [...required] });
    const notify = fc.record(
      {
        kind: fc.constant('notify' as const),
        change: fc.constantFrom('alive' as const, 'byebye' as const, 'update' as const),
        nextBootId: number,
        ...advert,
      },
      { requiredKeys: [...required, 'change'] },
    );
    const host = '239.255.255.250:1900';
    fc.assert(
      fc.property(search, (message) => {
        expect(decodeSsdp(encodeSsdpSearch(message, host))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(answer, (message) => {
        expect(decodeSsdp(encodeSsdpAnswer(message))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(notify, (message) => {
        expect(decodeSsdp(encodeSsdpNotify(message, host))).toEqual(message);
      }),
    );
  });

  it('writes one line per header, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (target) => {
        const text = new TextDecoder().decode(
          encodeSsdpSearch({ kind: 'search', target: `a\r\nB: c\r\n\r\n${target}`, maxWait: 1 }, 'h:1'),
        );
        expect(text.split(/\r\n/)).toHaveLength(7);
      }),
    );
  });

  it('answers any bytes with a value or a DecodeError', () => {
    const line = fc.oneof(
      value,
      fc.constantFrom('NT: x', 'ST: x', 'NTS: ssdp:alive', 'USN: x', 'LOCATION:', ': x', ''),
    );
    const likely = fc
      .tuple(
        fc.constantFrom('HTTP/1.1 200 OK', 'NOTIFY * HTTP/1.1', 'M-SEARCH * HTTP/1.1'),
        fc.array(line, { maxLength: 8 }),
      )
      .map(([start, lines]) => new TextEncoder().encode([start, ...lines].join('\r\n')));
    fc.assert(
      fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 2100 })), (bytes) => {
        valueOrDecodeError(decodeSsdp, bytes);
      }),
      { numRuns: 1000 },
    );
  });
});

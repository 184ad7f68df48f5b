import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { message, type Message } from '../../../src/protocols/mdns/message.ts';
import { labelsOf, nameOf } from '../../../src/protocols/mdns/name.ts';
import { MAX_PAYLOAD, paginateProbes, paginateQuery, paginateResponse } from '../../../src/protocols/mdns/paginate.ts';
import * as arbitrary from '../../support/mdns-arbitraries.ts';
import { valueOrDecodeError } from '../../support/decoding.ts';

describe('mDNS codec', () => {
  it('reads back every message it writes', () => {
    fc.assert(
      fc.property(arbitrary.message, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }),
      { numRuns: 500 },
    );
  });

  it('answers any bytes with a message or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (input) => void valueOrDecodeError(decodeMessage, input)),
      { numRuns: 2000 },
    );
  });

  it('answers damaged messages with a message or a DecodeError', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(arbitrary.message, damage, fc.nat(), (message, changes, cut) => {
        const bytes = encodeMessage(message);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        valueOrDecodeError(decodeMessage, bytes);
        valueOrDecodeError(decodeMessage, bytes.subarray(0, cut % (bytes.length + 1)));
      }),
      { numRuns: 1000 },
    );
  });

  it('writes what it has read from damaged messages', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.nat(), fc.integer({ min: 0, max: 255 }), (message, at, value) => {
        const bytes = encodeMessage(message);
        bytes[at % bytes.length] = value;
        let decoded;
        try {
          decoded = decodeMessage(bytes);
        } catch {
          return;
        }
        expect(decodeMessage(encodeMessage(decoded))).toEqual(decoded);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps names and their labels one to one', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.label, { maxLength: 5 }), (labels) => {
        expect(labelsOf(nameOf(labels))).toEqual(labels);
      }),
    );
  });
});

describe('paginate', () => {
  const records = fc.array(arbitrary.record, { maxLength: 40 });
  const fits = (page: Message): boolean => {
    const alone = page.questions.length + page.answers.length + page.authorities.length <= 1;
    return alone || encodeMessage(page).length <= MAX_PAYLOAD;
  };

  it('keeps every answer, in datagrams that fit', () => {
    fc.assert(
      fc.property(records, records, (answers, additionals) => {
        const pages = paginateResponse(message('response', { answers, additionals }));
        expect(pages.flatMap((page) => page.answers)).toEqual(answers);
        expect(pages.filter((page) => !fits(page))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps every question and known answer, with TC where known answers go on', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.question, { maxLength: 40 }), records, (questions, known) => {
        const pages = paginateQuery(questions, known);
        expect(pages.flatMap((page) => page.questions)).toHaveLength(questions.length);
        expect(pages.flatMap((page) => page.answers)).toEqual(known);
        expect(pages.filter((page) => !fits(page))).toEqual([]);
        pages.forEach(({ truncated }, i) => expect(truncated).toBe(pages[i + 1]?.questions.length === 0));
      }),
      { numRuns: 50 },
    );
  });

  it('never parts a probe from its proposed records', () => {
    const probe = fc.record({ question: arbitrary.question, proposed: fc.array(arbitrary.record, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(probe, { maxLength: 20 }), (probes) => {
        const pages = paginateProbes(probes);
        for (const { question, proposed } of probes) {
          const page = pages.find(({ questions }) => questions.includes(question));
          expect(page?.authorities).toEqual(expect.arrayContaining(proposed));
        }
      }),
      { numRuns: 50 },
    );
  });
});

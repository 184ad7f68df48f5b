/** Messages that fit into one datagram without fragments (RFC 6762 §17). */
import { message, type Message, type Name, type Question, type ResourceRecord } from './message.ts';

/** The MTU of Ethernet less the headers of IPv6 and UDP. */
export const MAX_PAYLOAD = 1500 - 40 - 8;
const HEADER = 12;

/** One or more responses with all answers; additional records come along as far as they fit. */
export function paginateResponse(response: Message): Message[] {
  const pages: ResourceRecord[][] = [[]];
  let room = MAX_PAYLOAD - sizeOf(message('response', { questions: response.questions }));
  let page = pages[0] ?? [];
  for (const record of response.answers) {
    const size = recordSize(record);
    if (size > room && page.length > 0) {
      pages.push((page = []));
      room = MAX_PAYLOAD - HEADER;
    }
    page.push(record);
    room -= size;
  }
  const additionals: ResourceRecord[] = [];
  for (const record of response.additionals) {
    const size = recordSize(record);
    if (size <= room) additionals.push(record);
    room -= size;
  }
  return pages.map((answers, i) => ({
    ...response,
    questions: i === 0 ? response.questions : [],
    answers,
    additionals: i === pages.length - 1 ? additionals : [],
  }));
}

/** Questions with their known answers: what does not fit follows in messages without questions, TC set before (§7.2). */
export function paginateQuery(questions: readonly Question[], known: readonly ResourceRecord[]): Message[] {
  const pages: { questions: Question[]; answers: ResourceRecord[] }[] = [{ questions: [], answers: [] }];
  let room = MAX_PAYLOAD - HEADER;
  const place = (size: number, put: (page: { questions: Question[]; answers: ResourceRecord[] }) => void): void => {
    if (size > room) {
      pages.push({ questions: [], answers: [] });
      room = MAX_PAYLOAD - HEADER;
    }
    const page = pages.at(-1);
    if (page) put(page);
    room -= size;
  };
  for (const question of questions) {
    place(sizeOf(message('query', { questions: [question] })) - HEADER, (page) => page.questions.push(question));
  }
  for (const record of known) place(recordSize(record), (page) => page.answers.push(record));
  return pages.map((page, i) => {
    // TC only towards known answers to come: another page of questions stands for itself.
    const continued = pages[i + 1]?.questions.length === 0;
    return message('query', { ...page, truncated: continued });
  });
}

/** Probes put together: each question goes with the records proposed for it, whatever else is in the message. */
export function paginateProbes(
  probes: readonly { readonly question: Question; readonly proposed: readonly ResourceRecord[] }[],
): Message[] {
  const pages: { questions: Question[]; authorities: ResourceRecord[] }[] = [];
  let room = 0;
  for (const { question, proposed } of probes) {
    const size = sizeOf(message('query', { questions: [question], authorities: proposed })) - HEADER;
    if (size > room) {
      pages.push({ questions: [], authorities: [] });
      room = MAX_PAYLOAD - HEADER;
    }
    const page = pages.at(-1);
    page?.questions.push(question);
    page?.authorities.push(...proposed);
    room -= size;
  }
  return pages.map((page) => message('query', page));
}

/** Of a message without name compression, which dns-packet does not do: reckoned, since encoding to measure is slow. */
function sizeOf({ questions, answers, authorities, additionals }: Message): number {
  const records = [...answers, ...authorities, ...additionals];
  const asked = questions.reduce((sum, { name }) => sum + nameSize(name) + 4, 0);
  return HEADER + asked + records.reduce((sum, record) => sum + recordSize(record), 0);
}

function recordSize(record: ResourceRecord): number {
  return nameSize(record.name) + 10 + dataSize(record);
}

function dataSize(record: ResourceRecord): number {
  switch (record.type) {
    case 'A':
      return 4;
    case 'AAAA':
      return 16;
    case 'PTR':
      return nameSize(record.data);
    case 'SRV':
      return 6 + nameSize(record.data.target);
    case 'TXT':
      return Math.max(
        1,
        record.data.reduce((sum, text) => sum + 1 + text.length, 0),
      );
    case 'NSEC':
      // One window block: the types we know are all below 256.
      return nameSize(record.data.next) + 2 + 6;
    default:
      return record.data.length;
  }
}

function nameSize(name: Name): number {
  // Each dot between labels, or the escape of one inside, stands for one byte on the wire or for none: never too few.
  return name === '' ? 1 : Buffer.byteLength(name) + 2;
}

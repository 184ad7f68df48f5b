/** Removes mappings from the router, for as long as that makes sense. */
import type { Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Refused, Unreachable, UnmapAnswer } from './client.ts';
import type { Gateway } from './gateway.ts';
import type { MappingRecord } from './port.ts';

export interface Closed {
  readonly gone: readonly MappingRecord[];
  readonly left: readonly { readonly record: MappingRecord; readonly why: Refused | Unreachable }[];
}

/** A deletion in the cluster does not wait longer than this for a router that is switched off. */
const WITHIN: Milliseconds = 8000;
const PAUSE: Milliseconds = 500;

/** Tries again while the router does not answer; what it refuses is left at once. */
export async function closePorts(
  clock: Clock,
  gateway: Gateway | undefined,
  records: readonly MappingRecord[],
  source: Ip,
  signal: AbortSignal,
): Promise<Closed> {
  const end = new AbortController();
  const timer = clock.after(WITHIN, () => end.abort());
  const either = AbortSignal.any([signal, end.signal]);
  const gone: MappingRecord[] = [];
  const left: { record: MappingRecord; why: Refused | Unreachable }[] = [];
  const lastWords = new Map<MappingRecord, Unreachable>();
  let open = records;
  while (open.length > 0) {
    const answers = await Promise.all(
      open.map(async (record) => ({ record, answer: await closePort(gateway, record, source, either) })),
    );
    const last = either.aborted;
    open = [];
    for (const { record, answer } of answers) {
      if (answer.kind === 'gone') gone.push(record);
      else if (answer.kind === 'refused') left.push({ record, why: answer });
      // The last attempt is cut off, which is no reason to tell.
      else if (last) left.push({ record, why: lastWords.get(record) ?? answer });
      else {
        lastWords.set(record, answer);
        open = [...open, record];
      }
    }
    if (open.length > 0) await pause(clock, PAUSE, either);
  }
  timer.cancel();
  return { gone, left };
}

/** Once, by the method that made it. */
export async function closePort(
  gateway: Gateway | undefined,
  record: MappingRecord,
  source: Ip,
  signal: AbortSignal = new AbortController().signal,
): Promise<UnmapAnswer> {
  const client = gateway?.clientFor(record);
  if (!gateway || !client)
    return { kind: 'refused', code: 'OtherRouter', words: 'it is not the router of this network any more' };
  const answer = await client.unmap(record, source, signal);
  if (answer.kind !== 'unreachable' || client.method === 'pcp' || client.method === 'nat-pmp') return answer;
  // The router may have moved its UPnP to another port since.
  for await (const other of gateway.clients(source, signal)) {
    if (other.method === 'igd1' || other.method === 'igd2') return other.unmap(record, source, signal);
  }
  return answer;
}

function pause(clock: Clock, delay: Milliseconds, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delay, done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/** Removes mappings from the router, for as long as that makes sense. */
import { familyOf, type Ip } from '../../model/ip.ts';
import { pause, type Clock, type Milliseconds } from '../../model/time.ts';
import type { Refused, Unreachable, UnmapAnswer } from './client.ts';
import type { Gateway } from './gateway.ts';
import type { MappingRecord } from './port.ts';

export interface Closed {
  readonly gone: readonly MappingRecord[];
  readonly left: readonly { readonly record: MappingRecord; readonly why: Refused | Unreachable }[];
}

/** A deletion in the cluster does not wait longer than this for a router that is switched off. */
const WITHIN: Milliseconds = 8000;
/** Nor than this for one that is busy with others, and has not come to this one. */
const IN_TURN_WITHIN: Milliseconds = 120_000;
const PAUSE: Milliseconds = 500;

/** Tries again while the router does not answer; what it refuses is left at once. */
export async function closePorts(
  clock: Clock,
  gatewayOf: (record: MappingRecord) => Gateway | undefined,
  records: readonly MappingRecord[],
  sourceFor: (record: MappingRecord) => Ip,
  signal: AbortSignal,
): Promise<Closed> {
  const end = new AbortController();
  const began = clock.now();
  const isBusy = (): boolean =>
    clock.now() - began < IN_TURN_WITHIN && records.some((record) => gatewayOf(record)?.hasAnsweredWithin(WITHIN));
  const giveUp = (): void => {
    if (isBusy()) timer = clock.after(WITHIN, giveUp);
    else end.abort();
  };
  let timer = clock.after(WITHIN, giveUp);
  const either = AbortSignal.any([signal, end.signal]);
  const gone: MappingRecord[] = [];
  const left: { record: MappingRecord; why: Refused | Unreachable }[] = [];
  const lastWords = new Map<MappingRecord, Unreachable>();
  let open = records;
  while (open.length > 0) {
    const answers = await Promise.all(
      open.map(async (record) => ({
        record,
        answer: await closePort(gatewayOf(record), record, sourceFor(record), either),
      })),
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

/**
 * Once, by the method that made it; if the router speaks that no more, or UPnP on another port, by any that it speaks:
 * they work on one table. So too for a pinhole that miniupnpd does not remove by PCP any more.
 */
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
  const stubborn = answer.kind === 'refused' && record.method === 'pcp' && familyOf(source) === 6;
  if (!stubborn && (answer.kind !== 'unreachable' || answer.local)) return answer;
  const others: Promise<UnmapAnswer>[] = [];
  for await (const other of gateway.clients(source, signal)) {
    const asked = other.method === record.method && (other.method === 'pcp' || other.method === 'nat-pmp');
    if (!asked) others.push(other.unmap(record, source, signal));
  }
  return (await firstGone(others)) ?? answer;
}

/** At once by all of them: waiting for one that is silent would take the time of the one that answers. */
function firstGone(answers: readonly Promise<UnmapAnswer>[]): Promise<UnmapAnswer | undefined> {
  return new Promise((resolve) => {
    const gone = answers.map(async (answer) => {
      const { kind } = await answer;
      if (kind === 'gone') resolve({ kind });
    });
    void Promise.all(gone).then(() => resolve(undefined));
  });
}

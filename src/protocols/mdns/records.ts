/** Records compared: by what they say, whatever their TTL, their cache-flush bit and the case of their names. */
import { dataBytes, typeNumber } from './codec.ts';
import type { Name, RecordType, ResourceRecord } from './message.ts';
import { foldName } from './name.ts';

/** Equal for records of the same name, type and data. */
export function recordKey(record: ResourceRecord): string {
  return `${foldName(record.name)} ${record.type} ${dataKey(record)}`;
}

/** Equal for records of the same set (name and type), RFC 2181 §5. */
export function setKey(record: { readonly name: Name; readonly type: RecordType }): string {
  return `${foldName(record.name)} ${record.type}`;
}

export function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  return recordKey(a) === recordKey(b);
}

function dataKey(record: ResourceRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.data;
    case 'PTR':
      return foldName(record.data);
    case 'SRV': {
      const { priority, weight, port, target } = record.data;
      return `${priority} ${weight} ${port} ${foldName(target)}`;
    }
    case 'TXT':
      return record.data.map((text) => Buffer.from(text).toString('hex')).join(' ');
    case 'NSEC':
      return `${foldName(record.data.next)} ${record.data.types.join(' ')}`;
    default:
      return Buffer.from(record.data).toString('hex');
  }
}

/** The order of RFC 6762 §8.2: by class (always IN), type, then uncompressed data byte by byte. */
export function compareRecords(a: ResourceRecord, b: ResourceRecord): number {
  return typeNumber(a.type) - typeNumber(b.type) || Buffer.compare(dataBytes(a), dataBytes(b));
}

/** Without repetition: of records that are the same, the first stays. */
export function distinct(records: readonly ResourceRecord[]): ResourceRecord[] {
  const seen = new Map<string, ResourceRecord>();
  for (const record of records) {
    const key = recordKey(record);
    if (!seen.has(key)) seen.set(key, record);
  }
  return [...seen.values()];
}

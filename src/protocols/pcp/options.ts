/** PCP options (RFC 6887 §7.3, §13): code, reserved, length, data padded to a multiple of four bytes. */
import { concat } from '../../model/bytes.ts';
import { DecodeError } from '../../model/errors.ts';
import { from16, to16 } from './address.ts';
import type { PcpOption } from './message.ts';

const CODE = { 'third-party': 1, 'prefer-failure': 2, filter: 3 } as const;

export function encodeOptions(options: readonly PcpOption[]): Uint8Array {
  const parts = options.map((option) => {
    const { code, data } = rawOf(option);
    const bytes = new Uint8Array(4 + Math.ceil(data.length / 4) * 4);
    bytes[0] = code;
    new DataView(bytes.buffer).setUint16(2, data.length);
    bytes.set(data, 4);
    return bytes;
  });
  return concat(...parts);
}

/** @throws DecodeError for a length that does not fit. */
export function decodeOptions(bytes: Uint8Array): PcpOption[] {
  const options: PcpOption[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 4) throw new DecodeError('a PCP option is cut off');
    const code = bytes[at] ?? 0;
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const end = at + 4 + length;
    if (end > bytes.length) throw new DecodeError(`PCP option ${code} is longer than the message`);
    options.push(cooked(code, bytes.slice(at + 4, end)));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}

function rawOf(option: PcpOption): { code: number; data: Uint8Array } {
  switch (option.kind) {
    case 'third-party':
      return { code: CODE[option.kind], data: to16(option.address) };
    case 'prefer-failure':
      return { code: CODE[option.kind], data: new Uint8Array() };
    case 'filter': {
      const data = new Uint8Array(20);
      data[1] = option.prefixLength;
      new DataView(data.buffer).setUint16(2, option.port);
      data.set(to16(option.address), 4);
      return { code: CODE[option.kind], data };
    }
    case 'other':
      return { code: option.code, data: option.data };
  }
}

function cooked(code: number, data: Uint8Array): PcpOption {
  const expect = (length: number): void => {
    if (data.length !== length) throw new DecodeError(`PCP option ${code} has ${length} bytes, not ${data.length}`);
  };
  if (code === CODE['third-party']) {
    expect(16);
    return { kind: 'third-party', address: from16(data) };
  }
  if (code === CODE['prefer-failure']) {
    expect(0);
    return { kind: 'prefer-failure' };
  }
  if (code === CODE.filter) {
    expect(20);
    const prefixLength = data[1] ?? 0;
    if (prefixLength > 128) throw new DecodeError(`a PCP filter's prefix has at most 128 bits, not ${prefixLength}`);
    const port = ((data[2] ?? 0) << 8) | (data[3] ?? 0);
    return { kind: 'filter', prefixLength, port, address: from16(data.subarray(4)) };
  }
  return { kind: 'other', code, data };
}

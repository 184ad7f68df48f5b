import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeProtobuf } from '../../../src/lab/apiserver/protobuf/decode.ts';
import { encodeMessage } from '../../../src/lab/apiserver/protobuf/encode.ts';
import { deployment } from '../../../src/lab/apiserver/schema/apps.ts';
import { configMap } from '../../../src/lab/apiserver/schema/core.ts';
import { decode } from '../../../src/lab/apiserver/schema/decode.ts';
import type { JsonObject } from '../../../src/lab/apiserver/json.ts';

const file = (name: string): Buffer => readFileSync(new URL(name, import.meta.url));

describe('protobuf', () => {
  it('as a real kube-apiserver 1.36 writes it says what its JSON says', () => {
    const expected = JSON.parse(file('deployment.json').toString()) as JsonObject;
    expect(decode(deployment, decodeProtobuf(deployment, file('deployment.protobuf'))).object).toEqual(expected);
  });

  it('is refused without its envelope, cut off anywhere, and with wrong types', () => {
    const whole = file('deployment.protobuf');
    expect(() => decodeProtobuf(deployment, whole.subarray(4))).toThrow(DecodeError);
    let refused = 0;
    for (let length = 5; length < whole.length; length += 13) {
      try {
        decodeProtobuf(deployment, whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(10);
    const enveloped = (raw: Uint8Array): Uint8Array => Buffer.concat([Buffer.from('k8s\0'), encodeMessage([[2, raw]])]);
    expect(() => decodeProtobuf(configMap, enveloped(encodeMessage([[1, true]])))).toThrow(
      'field 1 has the wrong type',
    );
    expect(() => decodeProtobuf(configMap, enveloped(encodeMessage([[1, Uint8Array.of(0x0a, 1, 0xff)]])))).toThrow(
      'not UTF-8',
    );
  });

  it('skips fields of newer versions', () => {
    const raw = encodeMessage([
      [
        2,
        encodeMessage([
          [1, 'k'],
          [2, 'v'],
        ]),
      ],
      [900, 'from the future'],
    ]);
    const body = Buffer.concat([Buffer.from('k8s\0'), encodeMessage([[2, raw]])]);
    expect(decodeProtobuf(configMap, body)).toEqual({ data: { k: 'v' } });
  });
});

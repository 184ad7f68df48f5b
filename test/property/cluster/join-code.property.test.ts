import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJoinCode, encodeJoinCode, readJoinCode, type JoinCode } from '../../../src/cluster/join-code.ts';
import { newSecrets } from '../../../src/cluster/secrets.ts';

const letters = (count: number) =>
  fc.string({
    unit: fc.nat(35).map((digit) => digit.toString(36)),
    minLength: count,
    maxLength: count,
  });
const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const host = fc.oneof(
  fc.ipV4(),
  fc.constantFrom('[fd00::1]', '[2001:db8::5:1]', '[::]'),
  fc.constantFrom('api.home.arpa', 'k8s', 'a-b.example.org'),
);

const codes: fc.Arbitrary<JoinCode> = fc
  .record({
    host,
    port: fc.integer({ min: 1, max: 65535 }),
    id: letters(6),
    secret: letters(16),
    caHash: hex,
    certificateKey: fc.option(hex, { nil: undefined }),
    families: fc.constantFrom([4] as const, [6] as const, [4, 6] as const, [6, 4] as const),
    expires: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  })
  .map(({ host: at, port, id, secret, certificateKey, expires, ...rest }) => ({
    ...rest,
    role: certificateKey === undefined ? ('worker' as const) : ('control-plane' as const),
    endpoint: `${at}:${port}`,
    token: `${id}.${secret}`,
    expires: new Date(expires * 1000),
    ...(certificateKey === undefined ? {} : { certificateKey }),
  }));

describe('a join code', () => {
  it('says what was put into it', () => {
    fc.assert(
      fc.property(codes, (code) => {
        expect(decodeJoinCode(encodeJoinCode(code))).toEqual(code);
      }),
    );
  });

  it('is one short line that survives a terminal', () => {
    fc.assert(
      fc.property(codes, fc.nat(), (code, at) => {
        const text = encodeJoinCode(code);
        expect(text).toMatch(/^kubevip1\.[A-Za-z0-9_-]+$/);
        expect(text.length).toBeLessThan(180);
        const cut = at % text.length;
        expect(decodeJoinCode(` ${text.slice(0, cut)}\r\n  ${text.slice(cut)}\n`)).toEqual(code);
      }),
    );
  });

  it('is refused with any letter changed, and never taken for another', () => {
    fc.assert(
      fc.property(codes, fc.nat(), fc.nat(63), (code, at, letter) => {
        const text = encodeJoinCode(code);
        const i = 9 + (at % (text.length - 9));
        const other = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.charAt(letter);
        fc.pre(text.charAt(i) !== other);
        expect(decodeJoinCode(text.slice(0, i) + other + text.slice(i + 1))).toHaveProperty('fault');
      }),
    );
  });

  it('knows that its end is missing', () => {
    fc.assert(
      fc.property(codes, fc.nat(), (code, at) => {
        const text = encodeJoinCode(code);
        // Less than four letters more and nobody can tell that it is not only mistyped.
        const length = 1 + (at % (text.length - 4));
        expect(decodeJoinCode(text.slice(0, length))).toEqual({ fault: 'truncated' });
      }),
    );
  });

  it('is read whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `kubevip1.${text}`),
        ),
        (text) => {
          const read = decodeJoinCode(text);
          expect('fault' in read || 'token' in read).toBe(true);
        },
      ),
    );
  });

  it.each([
    ['kubevip2.AAAA', 'other-version'],
    ['kubeadm join 10.0.0.1', 'not-a-code'],
    ['', 'not-a-code'],
    ['kubev', 'truncated'],
    ['kubevip1.', 'truncated'],
    ['kubevip1.a!b', 'mistyped'],
  ])('%s: %s', (text, fault) => {
    expect(decodeJoinCode(text)).toEqual({ fault });
  });

  it('runs out, and no message says what it was', () => {
    fc.assert(
      fc.property(codes, (code) => {
        const text = encodeJoinCode(code);
        const late = new Date(code.expires.getTime() + 1);
        try {
          readJoinCode(text, late);
          expect.unreachable();
        } catch (error) {
          expect(error).toMatchObject({ code: 'JOIN_CODE_EXPIRED', exit: 2 });
          expect(JSON.stringify(error)).not.toContain(code.token);
          expect((error as Error).message).not.toContain(text.slice(9, 30));
        }
        expect(readJoinCode(text, new Date(code.expires.getTime() - 1))).toEqual(code);
      }),
    );
  });
});

describe('secrets of a cluster', () => {
  it('have the form that kubeadm asks for, whatever the entropy', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(255)), (stream) => {
        const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Number(stream.next().value));
        const { token, certificateKey } = newSecrets({ bytes, fraction: () => 0 });
        expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
        expect(certificateKey).toMatch(/^[0-9a-f]{64}$/);
      }),
    );
  });
});

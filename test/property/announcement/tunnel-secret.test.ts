/** The Secret with the tunnels, whatever stands in it: a list and reasons, never an exception, never a key in a reason. */
import fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { readTunnels } from '../../../src/exposure/announcement/tunnel/secret.ts';
import { keyOf, OFFICE } from '../../support/tunnel-world.ts';

const SECRET = keyOf(7);
const key = fc.constantFrom(SECRET, keyOf(1), `${SECRET} `, SECRET.slice(1), `x${SECRET}`);
const value = fc.oneof(key, fc.jsonValue(), fc.constantFrom(...Object.values(OFFICE)), fc.string(), fc.integer());
const fields = fc.dictionary(
  fc.oneof(fc.constantFrom(...Object.keys(OFFICE), 'mtu', 'presharedKey'), key, fc.string()),
  value,
);

describe('any Secret with tunnels', () => {
  it('is read, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
        const { tunnels, problems } = readTunnels(text);
        expect(tunnels.length + problems.length).toBeGreaterThan(0);
      }),
    );
  });

  it('shows no key, wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(fc.constantFrom('office', 'home'), key, fc.string()), fc.oneof(fields, value)),
        (all) => {
          const { tunnels, problems } = readTunnels(stringify(all));
          // A key that stands where text is shown is cut to less than what it is worth.
          expect(JSON.stringify(problems)).not.toContain(SECRET.slice(1, -1));
          for (const tunnel of tunnels)
            expect(`${JSON.stringify(tunnel.privateKey)}${String(tunnel.presharedKey)}`).not.toContain(SECRET);
        },
      ),
    );
  });

  it('has tunnels whose names, addresses and ports are all different', () => {
    const near = fc.record(
      {
        ...Object.fromEntries(
          Object.entries(OFFICE).map(([name, usual]) => [name, fc.oneof(fc.constant(usual), value)]),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), near), (all) => {
        const { tunnels } = readTunnels(stringify(all));
        for (const field of ['name', 'ip', 'listenPort'] as const)
          expect(new Set(tunnels.map((tunnel) => tunnel[field])).size).toBe(tunnels.length);
      }),
    );
  });
});

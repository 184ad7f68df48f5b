import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMachineHands } from '../../../src/linux/machine/hands.ts';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'kubevip-hands-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('files that fixes write', () => {
  it('stay whose they are, with their permissions', async () => {
    const path = join(dir, 'fstab');
    writeFileSync(path, 'old');
    chmodSync(path, 0o640);
    if (process.getuid?.() === 0) chownSync(path, 1234, 5678);
    const { uid, gid } = statSync(path);
    await createMachineHands({ root: dir }).write('/fstab', 'new');
    const after = statSync(path);
    expect([after.uid, after.gid, after.mode & 0o777]).toEqual([uid, gid, 0o640]);
  });

  it('are for everybody to read when they are new, with their folders', async () => {
    await createMachineHands({ root: dir }).write('/etc/modules-load.d/kubevip.conf', 'overlay\n');
    const mode = (path: string): number => statSync(join(dir, path)).mode & 0o777;
    expect([mode('etc'), mode('etc/modules-load.d/kubevip.conf')]).toEqual([0o755, 0o644]);
  });

  it('say which one could not be written', async () => {
    writeFileSync(join(dir, 'file'), '');
    const written = createMachineHands({ root: dir }).write('/file/below', 'new');
    await expect(written).rejects.toThrow(`cannot write ${join(dir, 'file/below')}: `);
  });
});

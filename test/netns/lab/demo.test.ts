import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { labDown } from '../../../src/lab/lab.ts';
import { leftovers, testLabId } from '../../support/lab.ts';
import { eventually } from '../../support/netns.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const id = testLabId('demo');
const bin = mkdtempSync(join(tmpdir(), 'kubevip-test-'));

/** The demonstration with a kubectl of ours in front of the real one. */
function demo(kubectl: string) {
  writeFileSync(join(bin, 'kubectl'), `#!/bin/sh\n${kubectl}\n`);
  chmodSync(join(bin, 'kubectl'), 0o755);
  const child = spawn(process.execPath, [join(ROOT, 'bin/dev.js'), 'lab', 'demo', '--id', id], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1' },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  return { child, said, ended: once(child, 'close') };
}

describe('the demonstration', () => {
  afterAll(async () => {
    await labDown(id);
    rmSync(bin, { recursive: true, force: true });
  });

  it('names the step that did not hold, and leaves nothing', async () => {
    const { said, ended } = demo('echo "no cluster today" >&2; exit 3');
    expect(await ended).toEqual([1, null]);
    expect(said.stdout).toContain('$ kubectl get nodes -o wide\nno cluster today\n');
    expect(said.stderr).toMatch(/step 1\. A home.* did not hold: `kubectl get nodes -o wide` ended with 3/);
    expect(leftovers(id)).toEqual([]);
  });

  it('leaves nothing when it is interrupted', async () => {
    const { child, said, ended } = demo('exec sleep 1000');
    await eventually('the first command waits', () => said.stdout.includes('$ kubectl'), 60_000);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(leftovers(id)).toEqual([]);
  });
});

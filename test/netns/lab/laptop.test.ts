import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onHost, runOnHost } from '../../../src/lab/hosts.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { labPaths } from '../../../src/lab/layout.ts';
import { testLabId } from '../../support/lab.ts';
import { eventually } from '../../support/netns.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const id = testLabId('laptop');
const paths = labPaths(id);

describe('the laptop', () => {
  beforeAll(() => labUp(id, { cluster: false }));
  afterAll(() => labDown(id));

  it('resolves names in .local through avahi, as any program does', async () => {
    // Published from the laptop itself, for another address: all that counts here is who answers.
    const [command = '', ...args] = onHost(paths, 'laptop', [
      'avahi-publish',
      '-a',
      '-R',
      'printer.local',
      '10.77.0.13',
    ]);
    const publisher = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await eventually('the name resolves', async () => {
        const { stdout } = await runOnHost(paths, 'laptop', ['getent', 'hosts', 'printer.local']);
        return stdout.includes('10.77.0.13');
      });
      const { stdout } = await runOnHost(paths, 'laptop', ['avahi-resolve', '-4', '-n', 'printer.local']);
      expect(stdout).toContain('10.77.0.13');
    } finally {
      publisher.kill();
      await once(publisher, 'exit');
    }
    expect((await runOnHost(paths, 'laptop', ['getent', 'hosts', 'nobody.local'])).code).not.toBe(0);
  });

  it('sees nothing of the machine it runs on', async () => {
    const { stdout } = await runOnHost(paths, 'laptop', ['ip', '-brief', 'link']);
    expect(stdout.trim().split('\n')).toHaveLength(2);
    const { stdout: run } = await runOnHost(paths, 'laptop', ['ls', '/run']);
    expect(run).toContain('avahi-daemon');
    expect(run).not.toContain('netns');
  });

  it('is a keyboard away: exec gives input, output and the exit code', { timeout: 60_000 }, async () => {
    const exec = async (...argv: string[]): Promise<{ code: unknown; stdout: string }> => {
      const child = spawn(process.execPath, [join(ROOT, 'bin/dev.js'), 'lab', 'exec', '--id', id, ...argv], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      child.stdin.end('from the keyboard\n');
      let stdout = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      const [code] = (await once(child, 'close')) as [unknown];
      return { code, stdout };
    };
    expect(await exec('laptop', '--', 'sh', '-c', 'cat; hostname -I >/dev/null; exit 7')).toEqual({
      code: 7,
      stdout: 'from the keyboard\n',
    });
    expect(await exec('n1', '--', 'sh', '-c', 'kill -9 $$')).toMatchObject({ code: 137 });
    expect(await exec('nowhere', '--', 'true')).toMatchObject({ code: 2 });
    expect(await exec('n1')).toMatchObject({ code: 2 });
  });
});

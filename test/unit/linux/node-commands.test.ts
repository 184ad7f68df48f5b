import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNodeCommands } from '../../../src/linux/node-commands.ts';
import { ownTables, removeOwnTables } from '../../../src/linux/own-traces.ts';

const PATH = process.env['PATH'];
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-programs-'));
  process.env['PATH'] = `${dir}:${PATH ?? ''}`;
});
afterEach(() => {
  process.env['PATH'] = PATH;
  rmSync(dir, { recursive: true, force: true });
});

function program(name: string, script: string): void {
  writeFileSync(join(dir, name), `#!/bin/sh\ncd ${dir}\n${script}\n`);
  chmodSync(join(dir, name), 0o755);
}

describe('programs of a node', () => {
  it('run untied where setpriv cannot tie them, which is found out once', async () => {
    program('setpriv', 'echo "$*" >> asked; exit 1');
    program('greet', 'echo "hello $1"');
    const commands = createNodeCommands();
    for (const name of ['ada', 'bob']) {
      expect((await commands.run({ program: 'greet', args: [name] })).stdout).toBe(`hello ${name}\n`);
    }
    expect(readFileSync(join(dir, 'asked'), 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('are tied to us where it can', async () => {
    program(
      'setpriv',
      'test "$1" = --version && exit; while [ "$1" != -- ]; do shift; done; shift; echo "$*" >> asked; exec "$@"',
    );
    program('greet', 'echo hello');
    await createNodeCommands().run({ program: 'greet', args: ['ada'] });
    expect(readFileSync(join(dir, 'asked'), 'utf8')).toContain(`${join(dir, 'greet')} ada`);
  });
});

describe('tables of our agents', () => {
  const LIST = 'printf "table inet kubevip\\ntable arp kubevip-control-plane\\ntable ip kubevip-not\\n"';

  it('are told from those of others, and go', async () => {
    program('nft', `if [ "$1" = list ]; then ${LIST}; else echo "$*" >> deleted; fi`);
    expect(await ownTables()).toEqual(['table inet kubevip', 'table arp kubevip-control-plane']);
    await removeOwnTables();
    const deleted = readFileSync(join(dir, 'deleted'), 'utf8');
    expect(deleted).toBe('delete table inet kubevip\ndelete table arp kubevip-control-plane\n');
  });

  it('are not taken for gone when nft fails', async () => {
    program('nft', 'echo "cannot allocate memory" >&2; exit 1');
    await expect(ownTables()).rejects.toThrow('nft list tables ended with 1: cannot allocate memory');
    program('nft', `if [ "$1" = list ]; then ${LIST}; else echo busy >&2; exit 1; fi`);
    await expect(removeOwnTables()).rejects.toThrow('nft delete table inet kubevip ended with 1: busy');
  });

  it('may be gone by the time they are removed', async () => {
    program('nft', `if [ "$1" != list ]; then touch gone; exit 1; elif [ ! -e gone ]; then ${LIST}; fi`);
    await removeOwnTables();
    expect(existsSync(join(dir, 'gone'))).toBe(true);
  });
});

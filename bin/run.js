#!/usr/bin/env node
// The way in. What needs no command (version, help) is answered before oclif is loaded, and nothing here needs more
// than the Node of Debian 12, so that a newcomer's old Node gets as far as finding the right one.
//
// CommonJS (see package.json here): Node starts it some milliseconds sooner than a module.
const { existsSync, readFileSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');

const root = dirname(__dirname);
const argv = process.argv.slice(2);
// A join code is a secret, and the process list is for everybody: this writes over it.
if (argv.some((arg) => arg.startsWith('kubevip1.'))) process.title = 'kubevip join';
// As a plugin of kubectl we are called by another name, and shall speak of ourselves by that.
const name = basename(process.argv[1] ?? '').startsWith('kubectl-') ? 'kubectl kubevip' : 'kubevip';

/** What package.json wants as `engines`: kept here too, because reading and parsing it costs a millisecond. */
function isTooOld(version) {
  const [major, minor] = version.split('.').map(Number);
  return major < 22 || (major === 22 && minor < 22) || (major === 24 && minor < 15) || major === 23 || major === 25;
}

/** Text made at build time; undefined: oclif makes it. */
function prerendered() {
  if (argv[0] === '--version' || argv[0] === '-v' || argv[0] === 'version') {
    if (argv.length > 1) return undefined;
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return `kubevip/${version} ${process.platform}-${process.arch} node-${process.version}\n`;
  }
  const asked = argv.length === 0 ? ['--help'] : argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
  const last = asked.at(-1);
  const words = asked.slice(0, -1);
  if ((last !== '--help' && last !== '-h') || !words.every((word) => /^[a-z][a-z-]*$/.test(word))) return undefined;
  const file = join(root, 'dist', 'help', `${['kubevip', ...words].join('.')}.txt`);
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  return name === 'kubevip' ? text : text.replaceAll('$ kubevip', `$ ${name}`);
}

if (isTooOld(process.versions.node)) {
  require('./relaunch.js').relaunch(root);
} else {
  // What we start in turn may be run by the old one again.
  delete process.env.KUBEVIP_RELAUNCHED;
  const text = prerendered();
  if (text !== undefined) {
    process.stdout.write(text);
  } else {
    require('node:module').enableCompileCache?.();
    // A checkout that was not built yet runs from its sources: Node strips the types.
    const built = existsSync(join(root, 'dist', 'cli', 'main.js')) ? 'dist' : undefined;
    const entry = join(root, built ?? 'src', 'cli', built ? 'main.js' : 'main.ts');
    void import(entry).then(({ main }) => main(argv, { root, name, built }));
  }
}

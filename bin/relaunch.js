// For a Node that is too old for us: go on with the one that npm installed beside us, or say what is missing.
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');

/** @param {string} root folder of the package */
exports.relaunch = function relaunch(root) {
  const node = join(root, 'node_modules', '.bin', 'node');
  // The variable keeps a private toolchain that is itself too old from calling itself for ever.
  if (!existsSync(node) || process.env.KUBEVIP_RELAUNCHED !== undefined) {
    process.stderr.write(
      `Error: kubevip needs Node 22.22 or later (22, 24, 26), and this is ${process.version} (${process.execPath}).\n` +
        `Try this:\n  * In a checkout: npm ci, which brings the right Node along\n  * Otherwise: install Node 24 LTS\n`,
    );
    process.exitCode = 3;
    return;
  }
  const child = spawn(node, [...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, KUBEVIP_RELAUNCHED: '1' },
  });
  // Ctrl-C reaches the child by itself; we only must not die before it has said what is left behind.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`Error: ${node} does not run: ${error.message}\n`);
    process.exitCode = 3;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 128 + 15);
  });
};

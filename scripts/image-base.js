// Makes the two bases of deploy/Containerfile from Debian's packages and npm's, for machines that reach no image
// registry: `node scripts/image-base.js [docker|podman|buildah]`. Prints the arguments that make `npm run image` use them.
// Needs root and mmdebstrap. Debian 12 has Node 20, so Node comes from npm, in the version of package-lock.json.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builderOrExit, isolation } from './image-builder.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const BASE = 'localhost/kubevip-debian:bookworm';
const BUILD_BASE = 'localhost/kubevip-debian-node:bookworm';
/** As Debian's own slim images leave out. */
const LEFT_OUT = ['doc', 'info', 'locale', 'man'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);

const builder = builderOrExit(process.argv[2]);
const dir = mkdtempSync(join(tmpdir(), 'kubevip-image-base-'));
try {
  debian(join(dir, 'debian'));
  debianWithNode(join(dir, 'node'));
  console.log(`--build-arg BASE=${BASE} --build-arg BUILD_BASE=${BUILD_BASE}`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function debian(context) {
  mkdirSync(context);
  say(`Bootstrapping Debian 12 …`);
  try {
    run('mmdebstrap', ['--quiet', '--variant=minbase', ...LEFT_OUT, 'bookworm', join(context, 'root.tar')]);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    say('mmdebstrap is missing: apt-get install mmdebstrap');
    process.exit(3);
  }
  image(BASE, context, ['FROM scratch', 'ADD root.tar /', 'CMD ["bash"]']);
}

/** With the npm that runs us, and its registry and certificates: this one only builds, nothing of it gets into the image. */
function debianWithNode(context) {
  mkdirSync(context);
  copyFileSync(join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'), join(context, 'node'));
  cpSync(npmFolder(), join(context, 'npm'), { recursive: true, dereference: true });
  const certificates = [npmConfig('cafile'), process.env.NODE_EXTRA_CA_CERTS].find((file) => file && existsSync(file));
  if (certificates) copyFileSync(certificates, join(context, 'ca.pem'));
  writeFileSync(
    join(context, 'npmrc'),
    `registry=${npmConfig('registry')}\n${certificates ? 'cafile=/usr/local/etc/ca.pem\n' : ''}`,
  );
  image(BUILD_BASE, context, [
    `FROM ${BASE}`,
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    `COPY npmrc ${certificates ? 'ca.pem ' : ''}/usr/local/etc/`,
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && npm --version',
  ]);
}

function npmConfig(key) {
  const value = output('npm', ['config', 'get', key]);
  return value === 'null' || value === 'undefined' ? '' : value;
}

function npmFolder() {
  const cli = process.env.npm_execpath ?? output('sh', ['-c', 'command -v npm']);
  return dirname(dirname(realpathSync(cli)));
}

function image(tag, context, lines) {
  say(`Building ${tag} …`);
  writeFileSync(join(context, 'Containerfile'), `${lines.join('\n')}\n`);
  run(builder, ['build', '-q', ...isolation(builder), '-f', join(context, 'Containerfile'), '-t', tag, context]);
}

function run(command, args) {
  // What it says goes to where messages go: stdout has the result.
  execFileSync(command, args, { stdio: ['ignore', 2, 2] });
}

function output(command, args) {
  return execFileSync(command, args, { encoding: 'utf8', cwd: root }).trim();
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

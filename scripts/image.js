// Builds the agent's image with docker, podman or buildah, whichever works here:
//   npm run image -- [-t NAME]… [--platform linux/amd64,linux/arm64] [--build-arg K=V]… [--builder NAME] [-- more for it]
// Nothing of this machine gets into it but what .dockerignore lets through. It is not pushed: that is the builder's `push`.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { builderOrExit, giveUp, isolation } from './image-builder.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version, description, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const options = read(process.argv.slice(2));
const builder = builderOrExit(options.builder);
const args = build(builder, options);
process.stderr.write(`${builder} ${args.join(' ')}\n`);
const { status, error } = spawnSync(builder, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
if (error) giveUp(`${builder}: ${error.message}`, 1);
if (status === 0) process.stderr.write(`built ${options.tags.join(', ')}\n`);
process.exit(status ?? 1);

function read(argv) {
  const end = argv.indexOf('--');
  try {
    const { values } = parseArgs({
      args: end < 0 ? argv : argv.slice(0, end),
      options: {
        tag: { type: 'string', short: 't', multiple: true, default: [`kubevip:${version}`] },
        platform: { type: 'string', multiple: true, default: [] },
        'build-arg': { type: 'string', multiple: true, default: [] },
        builder: { type: 'string' },
      },
    });
    return {
      tags: values.tag,
      platforms: values.platform.flatMap((list) => list.split(',')),
      buildArgs: values['build-arg'],
      builder: values.builder,
      more: end < 0 ? [] : argv.slice(end + 1),
    };
  } catch (error) {
    return giveUp(
      `${error.message} (npm run image -- [-t NAME] [--platform LIST] [--build-arg K=V] [--builder NAME] [-- MORE])`,
      2,
    );
  }
}

function build(builder, { tags, platforms, buildArgs, more }) {
  const each = (flag, values) => values.flatMap((value) => [flag, value]);
  // For several processors docker's tag is a list of images by itself; the others make a list only when asked for one.
  const lists = platforms.length > 1 && builder !== 'docker';
  if (lists && tags.length > 1) giveUp(`${builder} gives an image for several platforms one name: use one --tag`, 2);
  return [
    ...(builder === 'docker' ? ['buildx', 'build'] : ['build', ...isolation(builder)]),
    ...['-f', 'deploy/Containerfile'],
    ...each(lists ? '--manifest' : '--tag', tags),
    ...(platforms.length > 0 ? ['--platform', platforms.join(',')] : []),
    ...each('--build-arg', buildArgs),
    ...each('--label', labels()),
    ...more,
    '.',
  ];
}

/** Of the OCI image specification. */
function labels() {
  const known = { title: 'kubevip', description, licenses: license, version, revision: revision() };
  return Object.entries(known).flatMap(([key, value]) => (value ? [`org.opencontainers.image.${key}=${value}`] : []));
}

/** The commit, or nothing where it would not tell the truth. */
function revision() {
  try {
    const git = (...words) => execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
    return git('status', '--porcelain') === '' ? git('rev-parse', 'HEAD') : undefined;
  } catch {
    return undefined;
  }
}

/** What can be said of the image without building it: its file, what may get into it, and who builds it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { containerStart } from '../support/container-start.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('deploy/Containerfile', () => {
  const file = read('deploy/Containerfile');

  it('starts the bundled agent by an exec form on one line, with its environment on another: the bench reads them', () => {
    const { entrypoint, env } = containerStart();
    expect([entrypoint[0], entrypoint.at(-1)]).toEqual(['node', '/app/dist/agent/bundle.js']);
    expect(env).toMatchObject({ MALLOC_ARENA_MAX: '1' });
  });

  it('takes its bases from outside, and has a tag of each by default', () => {
    const bases = [...file.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, base]) => base);
    expect(new Set(bases)).toEqual(new Set(['${BUILD_BASE}', '${BASE}']));
    for (const name of ['BUILD_BASE', 'BASE']) expect(file).toMatch(new RegExp(`^ARG ${name}=\\S+:\\S+$`, 'm'));
  });

  it('gets only named files from the work tree, and all of those that it copies', () => {
    const [first, ...rest] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(first).toBe('*');
    expect(rest.every((line) => line.startsWith('!'))).toBe(true);
    for (const needed of ['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'src', 'scripts/bundle-agent.js'])
      expect(rest).toContain(`!${needed}`);
    expect(read('.npmrc')).not.toMatch(/auth|token|password/i);
  });
});

describe('.github/workflows', () => {
  interface Step {
    readonly uses?: string;
    readonly with?: Readonly<Record<string, string>>;
  }
  const jobs = readdirSync(join(ROOT, '.github/workflows')).flatMap((name) => {
    const workflow = parse(read(`.github/workflows/${name}`)) as { jobs: Record<string, { steps: Step[] }> };
    return Object.entries(workflow.jobs).map(([job, { steps }]) => ({ name, job, steps }));
  });

  it('use actions by version', () => {
    const used = jobs.flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((uses) => !/^[\w.-]+\/[\w.-]+@v\d+(\.\d+)*$/.test(uses))).toEqual([]);
  });

  it('publish both architectures under the tag that the manifests ask for', () => {
    const builds = jobs.flatMap(({ steps }) =>
      steps.filter(({ uses }) => uses?.startsWith('docker/build-push-action')),
    );
    expect(builds.map((step) => step.with)).toEqual([
      expect.objectContaining({
        file: 'deploy/Containerfile',
        platforms: 'linux/amd64,linux/arm64',
        tags: expect.stringMatching(/:\$\{\{ steps\.version\.outputs\.version \}\}$/) as string,
      }),
    ]);
    // v1.2.3 is the tag in git, 1.2.3 the image's.
    expect(read('.github/workflows/release.yml')).toContain('version=${GITHUB_REF_NAME#v}');
  });
});

describe('npm run image', () => {
  let bin: string;
  beforeEach(() => {
    bin = mkdtempSync(join(tmpdir(), 'kubevip-builders-'));
  });
  afterEach(() => {
    rmSync(bin, { recursive: true });
  });

  /** A builder that says what it was called with; `broken`: it does not get as far. */
  function builder(name: string, broken = false): void {
    const script = broken ? 'echo "no daemon." >&2; exit 1' : 'case $1 in version|info) ;; *) echo "$@" ;; esac';
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  function image(...args: string[]): { code: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/image.js'), ...args], {
      encoding: 'utf8',
      env: { PATH: bin },
    });
    return { code: status, stdout, stderr };
  }

  it('says in one line what is missing', () => {
    builder('docker', true);
    expect(image()).toEqual({
      code: 3,
      stdout: '',
      stderr:
        'No image can be built here: docker does not work (no daemon); podman is not installed; ' +
        'buildah is not installed. Install podman, or start docker.\n',
    });
  });

  it('goes on to the next one when the first does not work', () => {
    builder('docker', true);
    builder('buildah');
    const { code, stdout } = image();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^build -f deploy\/Containerfile --tag kubevip:\d/)]);
  });

  it.each([
    [
      'docker',
      'buildx build -f deploy/Containerfile --tag a:1 --platform linux/amd64,linux/arm64 --build-arg BASE=b:2',
    ],
    ['podman', 'build -f deploy/Containerfile --manifest a:1 --platform linux/amd64,linux/arm64 --build-arg BASE=b:2'],
    ['buildah', 'build -f deploy/Containerfile --manifest a:1 --platform linux/amd64,linux/arm64 --build-arg BASE=b:2'],
  ])('tells %s of names, platforms and bases in its words', (name, words) => {
    builder(name);
    const platforms = ['--platform', 'linux/amd64,linux/arm64'];
    const { code, stdout } = image('-t', 'a:1', ...platforms, '--build-arg', 'BASE=b:2', '--', '--network=host');
    expect(code).toBe(0);
    expect(stdout.startsWith(words)).toBe(true);
    expect(stdout.endsWith(' --network=host .\n')).toBe(true);
  });

  it.each([[['--builder', 'kaniko']], [['--nonsense']], [['word']]])('refuses %j', (args) => {
    builder('podman');
    const { code, stdout, stderr } = image(...args);
    expect([code, stdout, stderr.trim().split('\n').length]).toEqual([2, '', 1]);
  });
});

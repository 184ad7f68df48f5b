/** Images out of files of this machine: no registry can be asked where this runs. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { runOrThrow } from '../../../src/lab/exec.ts';
import { IMAGE } from '../../../src/manifests/names.ts';
import { containerStart } from '../container-start.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const VERSION = 'v1.36.2';

/** A program without arguments; a small static server that answers HTTP on 8080 with its host name. */
export const ECHO_IMAGE = 'registry.k8s.io/echo:1';

interface Image {
  readonly name: string;
  readonly entrypoint?: readonly string[];
  /** Fills the root of its file system. */
  readonly fill: (root: string) => void | Promise<void>;
}

/** What kubeadm puts on a node, and the server that tests call. @returns an archive, made once for a folder. */
export async function clusterImages(lab: string): Promise<string> {
  const archive = join(lab, 'images', `cluster-${VERSION}.tar`);
  if (existsSync(archive)) return archive;
  const bin = (name: string): string => join(lab, 'bin', name);
  const single = (name: string, program: string, path = `usr/local/bin/${program}`): Image => ({
    name: `registry.k8s.io/${name}`,
    fill: (root) => put(root, bin(program), path),
  });
  const images: Image[] = [
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((name) =>
      single(`${name}:${VERSION}`, name),
    ),
    {
      name: 'registry.k8s.io/etcd:3.6.8-0',
      fill: (root) => put(root, bin('etcd36'), 'usr/local/bin/etcd'),
    },
    { ...single('pause:3.10.2', 'pause', 'pause'), entrypoint: ['/pause'] },
    { ...single('coredns/coredns:v1.14.2', 'coredns', 'coredns'), entrypoint: ['/coredns'] },
    { ...single('echo:1', 'echo-server', 'echo-server'), entrypoint: ['/echo-server'] },
    {
      name: `registry.k8s.io/kube-proxy:${VERSION}`,
      fill: async (root) => {
        put(root, bin('kube-proxy'), 'usr/local/bin/kube-proxy');
        for (const program of ['/usr/sbin/nft', '/usr/sbin/conntrack']) {
          if (existsSync(program)) await putProgram(root, program);
        }
      },
    },
  ];
  return await pack(archive, images);
}

/** Our agent, of the code that is built now, as deploy/Containerfile puts it together. */
export async function agentImage(folder: string): Promise<string> {
  return await pack(join(folder, 'agent.tar'), [
    {
      name: IMAGE,
      entrypoint: containerStart().entrypoint,
      fill: async (root) => {
        await putProgram(root, process.execPath);
        await putProgram(root, '/usr/sbin/nft');
        const app = join(root, 'app');
        put(app, join(ROOT, 'package.json'), 'package.json');
        // The bundle and the parts that it loads when they are needed.
        const agent = join(ROOT, 'dist', 'agent');
        for (const name of globSync('bundle*.js', { cwd: agent })) put(app, join(agent, name), `dist/agent/${name}`);
        // What the bundle leaves outside, see scripts/bundle-agent.js.
        for (const path of packages(['koffi'])) {
          const source = join(ROOT, path);
          const own = (file: string): boolean => !file.slice(source.length).includes('/node_modules');
          if (existsSync(source)) cpSync(source, join(app, path), { recursive: true, filter: own });
        }
      },
    },
  ]);
}

interface Lock {
  readonly packages: Readonly<
    Record<string, Readonly<Record<'dependencies' | 'optionalDependencies', Readonly<Record<string, string>>>>>
  >;
}

/** Folders of packages and of all they need, found as Node finds them. */
function packages(wanted: readonly string[]): Set<string> {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  const found = new Set<string>();
  const add = (name: string, from: string): void => {
    for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
      const path = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
      const entry = lock.packages[path];
      if (entry !== undefined) {
        if (found.has(path)) return;
        found.add(path);
        for (const needed of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) add(needed, path);
        return;
      }
      if (base === '') return;
    }
  };
  for (const name of wanted) add(name, '');
  return found;
}

function put(root: string, source: string, path: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(source), target);
}

/** With the libraries that it is linked to, under /usr/bin. */
async function putProgram(root: string, program: string): Promise<void> {
  put(root, program, `usr/bin/${basename(program)}`);
  const listed = await runOrThrow(['ldd', realpathSync(program)]);
  for (const [, library = ''] of listed.matchAll(/(\/\S+\.so\S*)/g)) {
    // /lib and /lib64 are links to these in the image, as on the machine.
    put(root, library, library.startsWith('/usr') ? library.slice(1) : `usr${library}`);
  }
}

/** As `docker save` writes them, which `ctr images import` reads. */
async function pack(archive: string, images: readonly Image[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-images-'));
  try {
    const manifest = [];
    for (const [index, { name, entrypoint, fill }] of images.entries()) {
      const root = join(dir, `root-${index}`);
      for (const folder of ['etc', 'tmp', 'run', 'proc', 'sys', 'dev', 'var', 'usr/lib', 'usr/lib64', 'usr/bin']) {
        mkdirSync(join(root, folder), { recursive: true });
      }
      for (const link of ['lib', 'lib64', 'bin']) symlinkSync(`usr/${link}`, join(root, link));
      symlinkSync('bin', join(root, 'usr', 'sbin'));
      symlinkSync('usr/bin', join(root, 'sbin'));
      writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/:/sbin/nologin\n');
      writeFileSync(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns\n');
      await fill(root);
      const layer = `layer-${index}.tar`;
      await tar(join(dir, layer), root, ['.']);
      rmSync(root, { recursive: true });
      const digest = createHash('sha256')
        .update(readFileSync(join(dir, layer)))
        .digest('hex');
      const config = {
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: {
          Env: ['PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          WorkingDir: '/',
          ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
        },
        rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      };
      writeFileSync(join(dir, `config-${index}.json`), JSON.stringify(config));
      manifest.push({ Config: `config-${index}.json`, RepoTags: [name], Layers: [layer] });
    }
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
    mkdirSync(dirname(archive), { recursive: true });
    const files = manifest.flatMap(({ Config, Layers }) => [Config, ...Layers]);
    await tar(`${archive}.new`, dir, ['manifest.json', ...files]);
    renameSync(`${archive}.new`, archive);
    return archive;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function tar(archive: string, folder: string, files: readonly string[]): Promise<void> {
  const plain = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await runOrThrow(['tar', ...plain, '-C', folder, '-cf', archive, ...files], { timeoutMs: 120_000 });
}

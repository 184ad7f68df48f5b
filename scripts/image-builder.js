// Which program builds images here.
import { spawnSync } from 'node:child_process';

/** In this order; each with a question that only a working one answers. */
const BUILDERS = { docker: ['version'], podman: ['info'], buildah: ['info'] };

/**
 * The one that is asked for, or the first that works; without any the process ends, and one line says what is missing.
 * @param {string} [wanted]
 */
export function builderOrExit(wanted) {
  const names = Object.keys(BUILDERS);
  if (wanted !== undefined && !names.includes(wanted)) giveUp(`no builder is called ${wanted}: ${names.join(', ')}`, 2);
  const faults = [];
  for (const name of wanted === undefined ? names : [wanted]) {
    const fault = faultOf(name);
    if (fault === undefined) return name;
    faults.push(`${name} ${fault}`);
  }
  return giveUp(`No image can be built here: ${faults.join('; ')}. Install podman, or start docker.`, 3);
}

/**
 * What BUILDAH_ISOLATION says, as an argument: podman 4 reads the variable for itself, but not in every build.
 * @param {string} builder
 */
export function isolation(builder) {
  const value = process.env.BUILDAH_ISOLATION;
  return value === undefined || builder === 'docker' ? [] : ['--isolation', value];
}

function faultOf(name) {
  const { error, status, stderr } = spawnSync(name, BUILDERS[name], { encoding: 'utf8', timeout: 20_000 });
  if (error?.code === 'ENOENT') return 'is not installed';
  if (error || status !== 0) return `does not work (${lastLine(stderr) || error?.message || `exit code ${status}`})`;
  // Its old builder knows neither a platform to build on nor two of them.
  if (name === 'docker' && spawnSync('docker', ['buildx', 'version']).status !== 0) return 'has no buildx';
  return undefined;
}

function lastLine(text) {
  return (text ?? '').trim().split('\n').at(-1)?.replace(/\.$/, '');
}

/** @returns {never} */
export function giveUp(message, code) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

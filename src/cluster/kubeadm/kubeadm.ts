/** Runs kubeadm, and puts into words what it says. */
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Milliseconds } from '../../model/time.ts';
import { parseKubernetesVersion, OLDEST_MINOR, type KubernetesVersion } from '../kubernetes-version.ts';
import { KUBEADM_LOG } from '../names.ts';
import type { Commands } from '../ports/commands.ts';
import type { Files } from '../ports/files.ts';
import type { StepContext } from '../engine/step.ts';
import { failureOf, newsOf, redact } from './output.ts';

export interface KubeadmCall {
  readonly args: readonly string[];
  /** Given with `--config`. */
  readonly config?: string;
  readonly timeoutMs?: Milliseconds;
}

const MINUTE = 60_000;

export class Kubeadm {
  readonly #files: Files;
  readonly #commands: Commands;

  constructor(files: Files, commands: Commands) {
    this.#files = files;
    this.#commands = commands;
  }

  /** @throws KubevipError NO_KUBEADM, KUBEADM_TOO_OLD (exit 3) */
  async version(): Promise<KubernetesVersion> {
    const { stdout } = await this.#run({ program: 'kubeadm', args: ['version', '-o', 'short'] });
    const version = parseKubernetesVersion(stdout);
    if (version === undefined || version.major !== 1 || version.minor < OLDEST_MINOR) {
      throw new KubevipError(`kubeadm ${version?.text ?? JSON.stringify(stdout.trim())} is not supported`, {
        code: 'KUBEADM_TOO_OLD',
        exit: EXIT.preflight,
        hints: [`Install kubeadm, kubelet and kubectl of 1.${OLDEST_MINOR} or later.`],
      });
    }
    return version;
  }

  /**
   * @returns what it printed.
   * @throws KubevipError KUBEADM_FAILED with its own reason; what it said in full is in the log.
   */
  async call({ args, config, timeoutMs = 10 * MINUTE }: KubeadmCall, context: StepContext): Promise<string> {
    const file = config === undefined ? undefined : await this.#files.privateFile('kubeadm.yaml', config);
    try {
      const { code, stdout, stderr } = await this.#run({
        program: 'kubeadm',
        args: file === undefined ? args : [...args, '--config', file.path],
        timeoutMs,
        signal: context.signal,
        onLine: (line) => {
          const news = newsOf(line);
          if (news !== undefined) context.progress(news);
        },
      });
      if (code === 0) return stdout;
      await this.#log(args, stdout, stderr);
      throw new KubevipError(`kubeadm ${args.slice(0, 2).join(' ')} ended with ${code}: ${failureOf(stdout, stderr)}`, {
        code: 'KUBEADM_FAILED',
        hints: [`All that kubeadm said is in ${KUBEADM_LOG}`, 'The kubelet’s side of it: journalctl -u kubelet'],
      });
    } finally {
      await file?.remove();
    }
  }

  async #log(args: readonly string[], stdout: string, stderr: string): Promise<void> {
    await this.#files.write(KUBEADM_LOG, redact(`kubeadm ${args.join(' ')}\n${stdout}\n${stderr}\n`));
  }

  async #run(request: Parameters<Commands['run']>[0]): ReturnType<Commands['run']> {
    try {
      return await this.#commands.run(request);
    } catch (cause) {
      if (!(cause instanceof KubevipError) || cause.code !== 'RUN_NOT_FOUND') throw cause;
      throw new KubevipError('kubeadm is not installed, or not on the PATH', {
        code: 'NO_KUBEADM',
        exit: EXIT.preflight,
        hints: [
          'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/',
          '`kubevip doctor` shows what else is missing.',
        ],
        cause,
      });
    }
  }
}

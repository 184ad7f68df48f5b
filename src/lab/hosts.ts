/** Running commands on the lab's hosts, as a person at their keyboards would. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EXIT, KubevipError } from '../model/errors.ts';
import { inNetns, run, runOrThrow, type RunOptions, type RunResult } from './exec.ts';
import { laptopCommand } from './laptop/avahi.ts';
import { netnsOf, type LabPaths } from './layout.ts';
import { netnsExists } from './netns.ts';
import { nodeNames } from './network.ts';
import type { LabOptions } from './options.ts';
import { requireState } from './state.ts';

/** Hosts one can run commands on: the laptop first, the switches last. */
export function hostNames(options: LabOptions): string[] {
  return ['laptop', ...nodeNames(options), 'router', 'internet', 'lan', 'mgmt'];
}

/**
 * The command line that runs `argv` on a host.
 * @throws KubevipError LAB_DOWN when there is no lab, NO_SUCH_HOST, POWERED_OFF.
 */
export function onHost(paths: LabPaths, host: string, argv: readonly string[]): string[] {
  const hosts = hostNames(requireState(paths).options);
  if (!hosts.includes(host)) {
    throw new KubevipError(`the lab has no host ${JSON.stringify(host)}`, {
      code: 'NO_SUCH_HOST',
      exit: EXIT.usage,
      hints: [`its hosts are: ${hosts.join(', ')}`],
    });
  }
  if (!netnsExists(netnsOf(paths, host))) {
    throw new KubevipError(`${host} is powered off`, {
      code: 'POWERED_OFF',
      hints: ['`kubevip lab up` powers on what is off'],
    });
  }
  return host === 'laptop' ? laptopCommand(paths, argv) : inNetns(netnsOf(paths, host), argv);
}

/** Runs a command on a host and collects what it says. Never throws for an exit code. */
export async function runOnHost(
  paths: LabPaths,
  host: string,
  argv: readonly string[],
  options: Omit<RunOptions, 'netns'> = {},
): Promise<RunResult> {
  return await run(onHost(paths, host, argv), { ...options, env: { ...environment(paths), ...options.env } });
}

/** As {@link runOnHost}, for commands that have to work. @returns standard output. */
export async function mustOnHost(
  paths: LabPaths,
  host: string,
  argv: readonly string[],
  options: Omit<RunOptions, 'netns'> = {},
): Promise<string> {
  return await runOrThrow(onHost(paths, host, argv), { ...options, env: { ...environment(paths), ...options.env } });
}

/**
 * Runs a command on a host with this process's terminal.
 * @returns its exit code, 128 + n when signal n ended it.
 */
export async function attachToHost(paths: LabPaths, host: string, argv: readonly string[]): Promise<number> {
  const [program = '', ...args] = onHost(paths, host, argv);
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment(paths) } });
  // Ctrl-C reaches it through the terminal, and we wait for what it makes of that; other signals are passed on.
  const handlers = {
    SIGINT: () => undefined,
    SIGTERM: () => child.kill('SIGTERM'),
    SIGHUP: () => child.kill('SIGHUP'),
  };
  const restore = Object.entries(handlers).map(([signal, handler]) => {
    const before = process.listeners(signal as NodeJS.Signals);
    process.removeAllListeners(signal);
    process.on(signal, handler);
    return () => {
      process.off(signal, handler);
      for (const listener of before) process.on(signal, listener);
    };
  });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    restore.forEach((undo) => undo());
  }
}

/** kubectl and kubevip on a node talk to the lab's API server over the management network. */
function environment(paths: LabPaths): Record<string, string> {
  return { KUBECONFIG: paths.agentKubeconfig };
}

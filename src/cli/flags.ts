/** Flags that several commands share, named as kubectl names them. */
import { Flags } from '@oclif/core';
import { EXIT, KubevipError } from '../model/errors.ts';
import { parseGoDuration, type Milliseconds } from '../model/time.ts';

/** Which cluster, and where in it. */
export const clusterFlags = {
  namespace: Flags.string({
    char: 'n',
    description: 'Namespace; otherwise that of the context',
    helpGroup: 'CLUSTER',
    helpValue: 'NAME',
  }),
  context: Flags.string({
    description: 'Context of the kubeconfig; otherwise the current one',
    helpGroup: 'CLUSTER',
    helpValue: 'NAME',
  }),
  kubeconfig: Flags.string({
    description: 'Path of the kubeconfig; otherwise KUBECONFIG or ~/.kube/config',
    helpGroup: 'CLUSTER',
    helpValue: 'FILE',
  }),
};

/** The network namespace of a lab's host from which answers are tried. */
export const netnsFlag = {
  'from-netns': Flags.string({
    description: 'Network namespace from which to try what is printed (for the lab)',
    env: 'KUBEVIP_NETNS',
    helpValue: 'NAME',
  }),
};

export interface DurationFlag {
  readonly description: string;
  /** As typed: `60s`. */
  readonly default: string;
}

/** A Go duration (`90s`, `2m`), as text for the help; read it with {@link duration}. */
export const durationFlag = ({ description, default: value }: DurationFlag) =>
  Flags.string({ description, default: value, helpValue: 'DURATION' });

/** @throws KubevipError INVALID_DURATION (exit 2) */
export function duration(flag: string, text: string): Milliseconds {
  const value = parseGoDuration(text);
  if (value === undefined || value === 0) {
    throw new KubevipError(`--${flag} ${JSON.stringify(text)} is not a duration`, {
      code: 'INVALID_DURATION',
      exit: EXIT.usage,
      hints: ['Write it like 30s, 90s or 2m.'],
    });
  }
  return value;
}

/** Which lab, where several run side by side. */
export const labIdFlag = {
  id: Flags.string({ description: 'Which lab', default: 'lab', helpValue: 'NAME' }),
};

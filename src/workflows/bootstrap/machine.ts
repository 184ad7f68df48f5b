/** This machine, with everything that bootstrapping needs from it. */
import { hostname } from 'node:os';
import { Kubeadm } from '../../cluster/kubeadm/kubeadm.ts';
import { JOURNAL } from '../../cluster/names.ts';
import type { JournalFile } from '../../cluster/ports/files.ts';
import type { MachineProbe } from '../../cluster/ports/preflight.ts';
import type { PreflightRequest } from '../../cluster/preflight/request.ts';
import { runPreflight, type PreflightReport } from '../../cluster/preflight/run.ts';
import type { StepParts } from '../../cluster/steps/parts.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Clock, Entropy } from '../../model/time.ts';
import { createLanProbe } from '../preflight/lan.ts';

export interface Machine {
  readonly parts: StepParts;
  readonly journal: JournalFile;
  readonly probe: MachineProbe;
  preflight(request: PreflightRequest): Promise<PreflightReport>;
  readonly entropy: Entropy;
  readonly hostname: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** Nobody else works on this machine until it is given up. @throws KubevipError BUSY */
  lock(): Promise<() => void>;
}

/** @throws KubevipError NOT_SUPPORTED (exit 3) anywhere but on Linux. */
export async function openMachine(clock: Clock, userAgent: string): Promise<Machine> {
  if (process.platform !== 'linux') {
    throw new KubevipError('Kubernetes nodes run Linux, and this machine does not', {
      code: 'NOT_SUPPORTED',
      exit: EXIT.preflight,
      hints: ['Run it on the machine that shall be in the cluster.'],
    });
  }
  const [files, commands, kernel, lock, probe, network, entropy, api, hands] = await Promise.all([
    import('../../linux/node-files.ts'),
    import('../../linux/node-commands.ts'),
    import('../../linux/node-kernel.ts'),
    import('../../linux/run-lock.ts'),
    import('../../linux/machine/probe.ts'),
    import('../../linux/network.ts'),
    import('../../linux/entropy.ts'),
    import('../../kube/bootstrap-api.ts'),
    import('../../linux/machine/hands.ts'),
  ]);
  const machineProbe = probe.createMachineProbe();
  const nodeFiles = files.createNodeFiles();
  const nodeCommands = commands.createNodeCommands();
  return {
    parts: {
      files: nodeFiles,
      commands: nodeCommands,
      kubeadm: new Kubeadm(nodeFiles, nodeCommands),
      api: api.createApiConnector(userAgent),
      kernel: kernel.createNodeKernel(),
      clock,
      hands: hands.createMachineHands(),
    },
    journal: files.createJournalFile(JOURNAL),
    probe: machineProbe,
    preflight: async (request) => {
      // Opened only for as long as it is needed: it holds sockets.
      const opened = network.createNetwork();
      try {
        const lan = createLanProbe({ network: opened, clock, entropy: entropy.systemEntropy });
        return await runPreflight({ machine: machineProbe, lan }, request);
      } finally {
        opened.close();
      }
    },
    entropy: entropy.systemEntropy,
    hostname: hostname(),
    env: process.env,
    uid: process.geteuid?.() ?? 0,
    lock: async () => {
      const release = lock.takeRunLock();
      // Of a run that was killed; nobody else is at work now.
      await files.sweepPrivateFiles();
      return release;
    },
  };
}

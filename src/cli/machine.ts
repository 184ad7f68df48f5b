/** This machine, for the commands that look at it or change it. Loaded only by those. */
import type { MachineHands } from '../cluster/ports/preflight.ts';
import type { PreflightParts } from '../cluster/preflight/run.ts';
import { createSystemClock } from '../linux/clock.ts';
import { systemEntropy } from '../linux/entropy.ts';
import { createMachineHands } from '../linux/machine/hands.ts';
import { createMachineProbe } from '../linux/machine/probe.ts';
import { createNetwork } from '../linux/network.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import { createLanProbe } from '../workflows/preflight/lan.ts';

export interface ThisMachine {
  readonly parts: PreflightParts;
  readonly hands: MachineHands;
}

/** @param netns network namespace by name. @throws KubevipError NOT_SUPPORTED (exit 3) elsewhere than on Linux. */
export async function withMachine<R>(
  netns: string | undefined,
  work: (machine: ThisMachine) => Promise<R>,
): Promise<R> {
  if (process.platform !== 'linux') {
    throw new KubevipError(`nodes run Linux, this is ${process.platform}`, {
      code: 'NOT_SUPPORTED',
      exit: EXIT.preflight,
      hints: ['Run it on the machine that shall become a node.'],
    });
  }
  const options = netns === undefined ? {} : { netns };
  const network = createNetwork(options);
  // While an answer is waited for nothing else keeps the process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const lan = createLanProbe({ network, clock: createSystemClock(), entropy: systemEntropy });
    return await work({
      parts: { machine: createMachineProbe(options), lan },
      hands: createMachineHands(options),
    });
  } finally {
    clearInterval(alive);
    network.close();
  }
}

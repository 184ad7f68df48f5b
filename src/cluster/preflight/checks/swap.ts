/** kubelet does not start while memory can be swapped out, unless it is told to (`failSwapOn: false`). */
import { error, fine, warn } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

const FSTAB_SWAP = String.raw`^\s*[^#\s]\S*\s+\S+\s+swap\s`;

export const swap: Check = {
  id: 'swap',
  run: async ({ machine, request }) => {
    const lines = ((await machine.read('/proc/swaps')) ?? '').split('\n').slice(1).filter(Boolean);
    const swaps = lines.map((line) => {
      const [device = '', , , used = '0'] = line.split(/\s+/);
      return { device, usedKiB: Number(used) };
    });
    if (swaps.length === 0) return [fine('swap', 'there is no swap')];
    const what = `swap is on: ${swaps.map(({ device }) => device).join(', ')}`;
    const remedy = await remedyFor(machine, swaps);
    if (request.kubelet?.failSwapOn === false) {
      return [
        warn('swap', { what, why: 'Pods that are swapped out answer slowly; the kubelet is told to bear it.', remedy }),
      ];
    }
    const fix = await isSafe(machine, swaps);
    return [
      error('swap', {
        what,
        why: 'kubelet does not start with it (failSwapOn).',
        remedy,
        ...(fix
          ? {
              fix: {
                changes: [
                  { kind: 'command', argv: ['swapoff', '-a'], undo: ['swapon', '-a'] },
                  { kind: 'comment-out', path: '/etc/fstab', match: FSTAB_SWAP },
                ],
              },
            }
          : {}),
      }),
    ];
  },
};

type Swap = { readonly device: string; readonly usedKiB: number };

async function remedyFor(machine: MachineProbe, swaps: readonly Swap[]): Promise<string> {
  if ((await machine.which('dphys-swapfile')) !== undefined)
    return 'systemctl disable --now dphys-swapfile && swapoff -a';
  if (swaps.some(({ device }) => device.includes('zram'))) {
    return 'touch /etc/systemd/zram-generator.conf && swapoff -a';
  }
  return String.raw`swapoff -a && sed -i.bak -E '/^[^#].*\sswap\s/s/^/#/' /etc/fstab`;
}

/** What is swapped out has to fit, and the swap shall come back from fstab when the fix is undone. */
async function isSafe(machine: MachineProbe, swaps: readonly Swap[]): Promise<boolean> {
  const available = Number(/^MemAvailable:\s+(\d+)/m.exec((await machine.read('/proc/meminfo')) ?? '')?.[1] ?? 0);
  const used = swaps.reduce((sum, { usedKiB }) => sum + usedKiB, 0);
  const inFstab = ((await machine.read('/etc/fstab')) ?? '')
    .split('\n')
    .filter((line) => new RegExp(FSTAB_SWAP).test(line));
  return used * 2 < available && inFstab.length >= swaps.length;
}

/** The container runtime answers on its socket, in the language kubelet speaks. */
import { installCommand } from '../distro.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import type { MachineProbe, RuntimeAnswer } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

/** As kubeadm looks for them. */
const SOCKETS = ['/run/containerd/containerd.sock', '/run/crio/crio.sock', '/run/cri-dockerd.sock'];
const UNITS: Readonly<Record<string, string>> = {
  '/run/containerd/containerd.sock': 'containerd',
  '/run/crio/crio.sock': 'crio',
  '/run/cri-dockerd.sock': 'cri-docker',
};
const CONTAINERD_CONFIG = '/etc/containerd/config.toml';

export const runtime: Check = {
  id: 'container-runtime',
  run: async ({ machine, request }) => {
    const named = request.criSocket?.replace(/^unix:\/\//, '').replace(/^\/var\/run\//, '/run/');
    const sockets = named === undefined ? SOCKETS : [named];
    const answers = await Promise.all(
      sockets.map(async (socket) => ({ socket, answer: await machine.runtime(socket) })),
    );
    const there = answers.filter(({ answer }) => answer.state !== 'missing');
    const [first] = there;
    if (first === undefined) return [await missing(machine, named)];
    if (there.length > 1) {
      return [
        error('container-runtime-choice', {
          what: `there are several container runtimes: ${there.map(({ socket }) => socket).join(', ')}`,
          why: 'kubeadm does not choose among them.',
          remedy: `name one: --cri-socket unix://${first.socket}`,
        }),
      ];
    }
    return await judge(machine, first.socket, first.answer);
  },
};

async function missing(machine: MachineProbe, named: string | undefined): Promise<Finding> {
  const installed = (await machine.which('containerd')) !== undefined;
  return error('container-runtime', {
    what: named === undefined ? 'no container runtime is running' : `there is no socket ${named}`,
    why: 'kubelet has nothing to run pods with.',
    remedy: installed ? 'systemctl enable --now containerd' : await installCommand(machine, 'containerd'),
    ...(installed && named === undefined
      ? {
          fix: {
            changes: [
              {
                kind: 'command',
                argv: ['systemctl', 'start', 'containerd'],
                undo: ['systemctl', 'stop', 'containerd'],
              },
            ],
          },
        }
      : {}),
  });
}

async function judge(machine: MachineProbe, socket: string, answer: RuntimeAnswer): Promise<Finding[]> {
  const unit = UNITS[socket] ?? 'containerd';
  switch (answer.state) {
    case 'answers': {
      const found = fine('container-runtime', `${answer.name} ${answer.version} answers on ${socket}`);
      const driver = await judgeDriver(machine, answer);
      return driver === undefined ? [found] : [found, driver];
    }
    case 'no-cri':
      return [
        error('container-runtime-cri', {
          what: `what answers on ${socket} is no runtime for Kubernetes (${answer.message})`,
          why: 'Packages made for Docker switch the CRI plugin of containerd off.',
          remedy: `containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' > ${CONTAINERD_CONFIG} && systemctl restart containerd`,
        }),
      ];
    case 'refused':
    case 'silent':
    case 'missing': {
      const message = answer.state === 'missing' ? 'no socket' : answer.message;
      return [
        error('container-runtime', {
          what: `the container runtime does not answer on ${socket}: ${message}`,
          why: 'kubelet has nothing to run pods with.',
          remedy: `systemctl restart ${unit} && journalctl -u ${unit} -n 20`,
        }),
      ];
    }
  }
}

/** kubelet takes the driver that the runtime names; where it names none kubeadm sets systemd. */
async function judgeDriver(
  machine: MachineProbe,
  { name, cgroupDriver }: Extract<RuntimeAnswer, { state: 'answers' }>,
): Promise<Finding | undefined> {
  if (!(await machine.exists('/run/systemd/system'))) return undefined;
  const config = name === 'containerd' ? ((await machine.read(CONTAINERD_CONFIG)) ?? '') : '';
  const says = /^\s*SystemdCgroup\s*=\s*(true|false)/m.exec(config)?.[1];
  const remedy =
    config === ''
      ? `containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' > ${CONTAINERD_CONFIG} && systemctl restart containerd`
      : `sed -i 's/SystemdCgroup = false/SystemdCgroup = true/' ${CONTAINERD_CONFIG} && systemctl restart containerd`;
  if (cgroupDriver === 'cgroupfs') {
    return warn('cgroup-driver', {
      what: `${name} manages control groups itself (cgroupfs), beside systemd`,
      why: 'Two managers of one tree get in each other’s way when memory is short.',
      remedy,
    });
  }
  if (cgroupDriver !== undefined || name !== 'containerd' || says === 'true') return undefined;
  return error('cgroup-driver', {
    what: 'containerd manages control groups itself (SystemdCgroup is not true), and kubelet will leave them to systemd',
    why: 'The pods of the control plane are killed again and again some minutes after they start.',
    remedy,
  });
}

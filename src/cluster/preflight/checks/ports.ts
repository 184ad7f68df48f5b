/** Ports that Kubernetes' own programs listen on. */
import { error, fine } from '../finding.ts';
import type { Check, PreflightRequest } from '../request.ts';

export const ports: Check = {
  id: 'ports',
  notWhenResuming: true,
  run: async ({ machine, request }) => {
    const wanted = portsOf(request);
    const listeners = await machine.listeners();
    const taken = listeners.filter(({ port }, i) => {
      return wanted.has(port) && listeners.findIndex((other) => other.port === port) === i;
    });
    if (taken.length === 0) return [fine('ports', `ports ${[...wanted.keys()].join(', ')} are free`)];
    return taken.map(({ port, program, pid }) => {
      const ours = program !== undefined && /^(kube-|kubelet$|etcd$)/.test(program);
      const by = program === undefined ? '' : ` by ${program}${pid === undefined ? '' : ` (pid ${pid})`}`;
      return error(`port-${port}`, {
        what: `port ${port} is taken${by}`,
        why: `${wanted.get(port) ?? ''} listens there.`,
        remedy: ours
          ? 'kubevip reset'
          : pid === undefined
            ? `ss -ltnp 'sport = :${port}', and stop what it shows`
            : `systemctl stop $(ps -o unit= -p ${pid}) || kill ${pid}`,
      });
    });
  },
};

/** Port → who needs it. */
export function portsOf({ role, port = 6443 }: PreflightRequest): ReadonlyMap<number, string> {
  if (role === 'worker') return new Map([[10250, 'kubelet']]);
  return new Map([
    [port, 'The API server'],
    [10250, 'kubelet'],
    [10257, 'kube-controller-manager'],
    [10259, 'kube-scheduler'],
    [2379, 'etcd (clients)'],
    [2380, 'etcd (peers)'],
    [2381, 'etcd (health)'],
  ]);
}

/** Everything that follows writes to /etc and starts services. */
import { error, fine } from '../finding.ts';
import type { Check } from '../request.ts';

export const root: Check = {
  id: 'root',
  run: ({ machine }) => {
    const { uid } = machine.facts();
    if (uid === 0) return [fine('root', 'running as root')];
    return [
      error('root', {
        what: `running as user ${uid}, not as root`,
        why: 'kubeadm, kubelet and the network of this machine can be set up by root only.',
        remedy: 'sudo kubevip …',
      }),
    ];
  },
};

/** systemd starts kubelet, now when kubeadm asks for it and at every boot. */
import { error, fine, warn } from '../finding.ts';
import type { Check } from '../request.ts';

export const kubeletService: Check = {
  id: 'kubelet-service',
  run: async ({ machine }) => {
    const result = await machine.run('systemctl', ['is-enabled', 'kubelet']);
    if (result === undefined) {
      return [
        warn('kubelet-service', {
          what: 'there is no systemctl',
          why: 'kubeadm starts kubelet by systemd or OpenRC; elsewhere somebody has to.',
          remedy: 'rc-update add kubelet default',
        }),
      ];
    }
    const state = result.stdout.trim();
    if (state === 'masked' || state === 'masked-runtime') {
      return [
        error('kubelet-service', {
          what: 'the service kubelet is masked',
          why: 'kubeadm cannot start it, and waits in vain.',
          remedy: 'systemctl unmask kubelet && systemctl enable kubelet',
        }),
      ];
    }
    if (state === 'disabled') {
      return [
        warn('kubelet-service', {
          what: 'the service kubelet is not enabled',
          why: 'After the next boot this node would stay away.',
          remedy: 'systemctl enable kubelet',
          fix: {
            changes: [
              {
                kind: 'command',
                argv: ['systemctl', 'enable', 'kubelet'],
                undo: ['systemctl', 'disable', 'kubelet'],
              },
            ],
          },
        }),
      ];
    }
    if (result.code === 0) return [fine('kubelet-service', `the service kubelet is ${state || 'enabled'}`)];
    return [
      error('kubelet-service', {
        what: 'there is no service kubelet',
        why: 'kubeadm cannot start it, and waits in vain.',
        remedy: 'install the package kubelet, which brings the service: systemctl status kubelet',
      }),
    ];
  },
};

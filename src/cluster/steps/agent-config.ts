/** The control-plane agent's own way to the API: its Lease, and nothing else. */
import { AGENT_KUBECONFIG, CONTROL_PLANE_GROUP } from '../../manifests/names.ts';
import type { Step } from '../engine/step.ts';
import { initDocuments, renderDocuments, type NodeFacts } from '../kubeadm/documents.ts';
import { authorityOf, pointAt } from '../kubeconfig.ts';
import { CA_CERTIFICATE } from '../names.ts';
import { localDestination, type Settings, type StepParts } from './parts.ts';

/** As long as the authority itself: nobody would renew it, and it opens nothing but a Lease. */
const VALIDITY = '87600h';

export function agentConfigStep({ files, kubeadm }: StepParts, settings: Settings, node: NodeFacts): Step {
  return {
    id: 'credentials',
    title: 'give the agent credentials of its own',
    explain:
      `Writes ${AGENT_KUBECONFIG}: a client certificate of the group ${CONTROL_PLANE_GROUP}, which may use Leases (by ` +
      'BGP what Services need, too), and the address of the API server on this machine. No pod ever sees an administrator’s kubeconfig.',
    verify: async () => {
      const [text, ca] = [await files.read(AGENT_KUBECONFIG), await files.read(CA_CERTIFICATE)];
      if (text === undefined || ca === undefined) return 'not';
      return authorityOf(text) === Buffer.from(ca).toString('base64') ? 'done' : 'not';
    },
    run: async (context) => {
      const config = await settings();
      const args = ['kubeconfig', 'user', '--client-name', CONTROL_PLANE_GROUP, '--org', CONTROL_PLANE_GROUP];
      const documents = renderDocuments(initDocuments(config, node));
      const printed = await kubeadm.call(
        { args: [...args, '--validity-period', VALIDITY], config: documents },
        context,
      );
      await files.write(AGENT_KUBECONFIG, pointAt(printed, localDestination(config)));
    },
    undo: async () => files.remove(AGENT_KUBECONFIG),
  };
}

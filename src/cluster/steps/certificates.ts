/** The cluster's authority, ahead of everything else: the agent's own certificate is made from it. */
import { KubevipError } from '../../model/errors.ts';
import type { Step } from '../engine/step.ts';
import { initDocuments, renderDocuments, type NodeFacts } from '../kubeadm/documents.ts';
import { CA_CERTIFICATE, PKI_FOLDER } from '../names.ts';
import type { Json } from '../engine/step.ts';
import type { BootstrapConfig } from '../config.ts';
import type { StepParts } from './parts.ts';

const CA_KEY = `${PKI_FOLDER}/ca.key`;

export function certificatesStep({ files, kubeadm }: StepParts, config: BootstrapConfig, node: NodeFacts): Step {
  return {
    id: 'certificates',
    title: 'make the authority of the cluster',
    explain:
      `kubeadm init phase certs ca: a certificate and its key in ${PKI_FOLDER}; those that are there are used. Keep a ` +
      'copy of your own elsewhere: kubeadm reset, which also takes back a broken kubeadm init, empties that folder.',
    observe: async (): Promise<Json> => ({ given: await files.exists(CA_CERTIFICATE) }),
    verify: async () => ((await files.exists(CA_CERTIFICATE)) && (await files.exists(CA_KEY)) ? 'done' : 'not'),
    run: async (context, facts) => {
      // Emptied by the reset of an earlier try: kubeadm would make another authority, and say nothing.
      if (isGiven(facts) && !(await files.exists(CA_CERTIFICATE))) throw ownAuthorityGone();
      const documents = renderDocuments(initDocuments(config, node));
      await kubeadm.call({ args: ['init', 'phase', 'certs', 'ca'], config: documents }, context);
    },
    undo: async (_context, facts) => {
      // Somebody's own authority stays; kubeadm's reset empties the folder all the same.
      if (isGiven(facts)) return;
      await files.remove(CA_CERTIFICATE);
      await files.remove(CA_KEY);
    },
  };
}

function ownAuthorityGone(): KubevipError {
  return new KubevipError(
    `the authority of the cluster was your own, and is gone: kubeadm reset has emptied ${PKI_FOLDER}`,
    {
      code: 'OWN_CA_GONE',
      hints: [
        `Put your copies of ca.crt and ca.key back into ${PKI_FOLDER}, and run the same command again.`,
        'To have one made instead: `kubevip reset`, and then `kubevip init` anew.',
      ],
    },
  );
}

function isGiven(facts: Json): boolean {
  return typeof facts === 'object' && facts !== null && 'given' in facts && facts.given === true;
}

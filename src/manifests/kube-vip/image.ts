/** Which agent an image holds, since the two are told different things. */
import { VERSION } from '../../model/version.ts';
import { IMAGE } from '../names.ts';
import { KUBE_VIP_VERSION } from './table.ts';

export interface Image {
  /** With its tag or digest. */
  readonly reference: string;
  /** What runs in it. */
  readonly agent: 'kubevip' | 'kube-vip';
  /** For the label `app.kubernetes.io/version`. */
  readonly version: string;
}

/** @param text as given to `--image`; empty: ours. */
export function readImage(text: string): Image {
  const named = text === '' ? IMAGE : text;
  const [path = ''] = named.split('@');
  // A colon before the last slash is that of a registry's port.
  const last = path.slice(path.lastIndexOf('/') + 1);
  const [repository = '', tag] = last.split(':');
  // kube-vip has several images (kube-vip, kube-vip-iptables), and people mirror them under other hosts.
  const agent = repository.startsWith('kube-vip') ? 'kube-vip' : 'kubevip';
  const own = agent === 'kube-vip' ? KUBE_VIP_VERSION : VERSION;
  const reference = tag === undefined && !named.includes('@') ? `${named}:${own}` : named;
  return { reference, agent, version: tag !== undefined && /^[\w.-]{1,63}$/.test(tag) ? tag : own };
}

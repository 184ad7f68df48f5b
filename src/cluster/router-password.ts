/** The password of BGP sessions: from a file of the machine of `init` into a Secret, and nowhere else. */
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Ip } from '../model/ip.ts';
import { BadValue, password, passwordKeyOf } from '../exposure/bgp/config/values.ts';
import { parseBgpPeer } from './bgp-peer.ts';
import type { BootstrapConfig } from './config.ts';
import type { Files } from './ports/files.ts';

/** Keys of the Secret: under the address of a router agents find its password. */
export function passwordKeys({ controlPlane }: BootstrapConfig): string[] {
  const addresses = controlPlane.bgpPeers.flatMap((text): Ip[] => {
    const read = parseBgpPeer(text);
    return 'peer' in read && read.peer.at !== undefined ? [read.peer.at.ip] : [];
  });
  return [...new Set(addresses.map(passwordKeyOf))];
}

/**
 * Without the line break at its end. Undefined: none is wanted, or the file is not there.
 * @throws KubevipError BAD_PASSWORD_FILE (exit 2), which never shows what is in it.
 */
export async function readRouterPassword(files: Files, { controlPlane }: BootstrapConfig): Promise<string | undefined> {
  const { bgpPasswordFile: path } = controlPlane;
  const content = path === undefined ? undefined : await files.read(path);
  const text = content?.replace(/\r?\n$/, '');
  if (path === undefined || text === undefined) return undefined;
  if (text === '') throw badPasswordFile(path, 'is empty');
  if (/[\r\n\0]/.test(text)) throw badPasswordFile(path, 'has more than one line');
  try {
    return password(text);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw badPasswordFile(path, `cannot be used: ${error.message}`);
  }
}

export function badPasswordFile(path: string, what: string): KubevipError {
  return new KubevipError(`--bgp-password-file (controlPlane.bgpPasswordFile): ${path} ${what}`, {
    code: 'BAD_PASSWORD_FILE',
    exit: EXIT.usage,
    hints: ['It holds the password that the routers have for these nodes, in one line, and nothing else.'],
  });
}

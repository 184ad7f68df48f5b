/** Secrets as files of a folder, as Kubernetes mounts them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The text of one file, without the newline that editors put at its end. Undefined: there is none. */
export function readSecretFile(folder: string, name: string): string | undefined {
  if (!/^[-._a-zA-Z0-9]+$/.test(name) || /^\.+$/.test(name)) return undefined;
  try {
    return readFileSync(join(folder, name), 'utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}

/** @throws Error when it cannot be read, with the path and nothing of the content. */
export function readTokenFile(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

/** What kubeadm prints: made fit for people and logs. */

/** Bootstrap tokens and keys, wherever they stand: kubeadm is told not to print them, and this makes sure. */
export function redact(text: string): string {
  return text
    .replaceAll(/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, '[token]')
    .replaceAll(/(?<!sha256:)\b[0-9a-f]{64}\b/g, '[key]');
}

/** `[certs] Generating "ca" certificate and key` → `certs: Generating "ca" certificate and key`. Undefined: no news. */
export function newsOf(line: string): string | undefined {
  const match = /^\[([a-z0-9/-]+)\]\s+(.+)$/i.exec(line.trim());
  if (!match) return undefined;
  const [, phase = '', text = ''] = match;
  return redact(`${phase}: ${text}`);
}

/** The lines that say why it failed: kubeadm ends with them, and repeats itself in a stack trace if asked for more. */
export function failureOf(stdout: string, stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(To see the stack trace|couldn't initialize|W\d{4} )/.test(line));
  const errors = lines.filter((line) => /^(\[ERROR|error( execution phase)?|.*: error)/i.test(line));
  const said = (errors.length > 0 ? errors : lines.slice(-3)).slice(0, 8);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  return redact((said.length > 0 ? said.join('; ') : last) || 'it said nothing');
}

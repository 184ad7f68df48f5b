/** What the demonstrations print: each step with what was run and what was seen. */

/** One line of what was run, and what it said. Without join codes: they are good for a while, and output is kept. */
export function show(ran: string, seen: string): void {
  console.log(`   $ ${ran}\n${indented(seen.replaceAll(/kubevip1\.\S+/g, 'kubevip1.…'))}`);
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '     │ ');
}

export function curl(url: string, ...more: string[]): string[] {
  return ['curl', '-gsk', '--max-time', '2', ...more, url];
}

export function apiAt(ip: string): string {
  return `https://${ip.includes(':') ? `[${ip}]` : ip}:6443/version`;
}

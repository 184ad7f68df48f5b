/** What the demonstrations print: each step with what was run and what was seen. */
import { expect } from 'vitest';
import type { RunningCluster } from './cluster.ts';
import type { RealNode } from './node.ts';
import type { RealWorld } from './world.ts';

/** Commands in sight of the reader. They give what was said, and those of ours have to work. */
export interface Narrator {
  readonly kubevip: (node: RealNode, ...args: string[]) => Promise<string>;
  readonly kubectl: (...args: string[]) => Promise<string>;
  readonly from: (host: 'laptop' | 'internet' | 'router', ...argv: string[]) => Promise<string>;
}

/** @param scene what there is by the time that something is run */
export function narrate(scene: () => { readonly world: RealWorld; readonly cluster: RunningCluster }): Narrator {
  return {
    async kubevip(node, ...args) {
      const { code, stdout, stderr } = await node.kubevip(args);
      show(`${node.name}# kubevip ${args.join(' ')}`, `${stderr}${stdout}`);
      expect(code, stderr).toBe(0);
      return stdout;
    },
    async kubectl(...args) {
      const { admin } = scene().cluster;
      const said = await admin.kubectl(...args);
      show(`${admin.name}# kubectl ${args.join(' ')}`, said);
      return said;
    },
    async from(host, ...argv) {
      const { stdout, stderr } = await scene().world.on(host, ...argv);
      show(`${host}# ${argv.join(' ')}`, stdout === '' ? stderr : stdout);
      return stdout;
    },
  };
}

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

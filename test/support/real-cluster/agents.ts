/** Our agents on a real node, found among its processes. */
import type { RealNode } from './node.ts';

const FLAG = { 'control-plane': 'cp_enable=true', services: 'svc_enable=true' } as const;

/** As kubelet started it, by its environment. @returns its process id at the node's console; undefined: it does not run */
export async function agentProcess(node: RealNode, part: keyof typeof FLAG): Promise<number | undefined> {
  const find = `for p in /proc/[0-9]*; do
    if tr '\\0' '\\n' < $p/environ 2>/dev/null | grep -qx ${FLAG[part]}; then basename $p; fi
  done`;
  const { stdout } = await node.run(['sh', '-c', find]);
  const [first] = stdout.split('\n').filter((line) => line !== '');
  return first === undefined ? undefined : Number(first);
}

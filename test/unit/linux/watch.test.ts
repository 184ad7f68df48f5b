import { describe, expect, it } from 'vitest';
import { createNetwork } from '../../../src/linux/network.ts';
import { run } from '../../../src/linux/run.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Datagram } from '../../../src/model/wire.ts';

const NETWORK = new URL('../../../src/linux/network.ts', import.meta.url).href;
const LOOPBACK = ip('127.0.0.1');

async function runScript(body: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = `import { createNetwork } from '${NETWORK}';
    const open = (onDatagram) => createNetwork().openDatagrams({ family: 4, localIp: '127.0.0.1', onDatagram, onError: console.error });
    ${body}`;
  return await run(process.execPath, ['--input-type=module', '--eval', script], { timeoutMs: 15_000 });
}

describe('sockets in the event loop', () => {
  it('do not keep the process alive', async () => {
    expect(await runScript('await open(() => undefined);')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each(['', 'process.exit(0);', 'queueMicrotask(() => { throw new Error("over"); });'])(
    'let the process end in peace with datagrams still unread (%s)',
    async (end) => {
      const { code, stderr } = await runScript(`
        const socket = await open(() => undefined);
        process.on('exit', () => socket.send(new Uint8Array(10), { ip: '127.0.0.1', port: socket.localPort }));
        ${end}`);
      expect(stderr).not.toContain('FATAL');
      expect(code).toBe(end.includes('throw') ? 1 : 0);
    },
  );

  it('however many there are have one listener for the end of the process among them', async () => {
    const { code, stderr, stdout } = await runScript(`
      await Promise.all(Array.from({ length: 12 }, () => open(() => undefined)));
      console.log(process.listenerCount('exit') <= 2);`);
    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'true\n' });
  });

  it('turn an error of a handler into an uncaught exception at once', async () => {
    const { code, stderr } = await runScript(`
      const socket = await open(() => { throw new Error('in the handler'); });
      socket.send(new Uint8Array(10), { ip: '127.0.0.1', port: socket.localPort });
      setTimeout(() => process.exit(0), 10_000);`);
    expect(code).toBe(1);
    expect(stderr).toContain('in the handler');
  });

  it('can be closed by their own handler', async () => {
    const network = createNetwork();
    const got: Datagram[] = [];
    await new Promise<void>((resolve, reject) => {
      void network
        .openDatagrams({
          family: 4,
          localIp: LOOPBACK,
          onDatagram: (datagram) => {
            got.push(datagram);
            opened?.close();
            resolve();
          },
          onError: reject,
        })
        .then((socket) => {
          opened = socket;
          for (let i = 0; i < 3; i++) socket.send(Uint8Array.of(i), { ip: LOOPBACK, port: socket.localPort });
          // Nothing but the test waits for it.
          setTimeout(() => reject(new Error('nothing came')), 10_000).unref();
        });
      let opened: { close(): void } | undefined;
    });
    expect(got).toHaveLength(1);
  });
});

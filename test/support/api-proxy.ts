/**
 * Stands for the API server of one control plane of the lab: listens on port 6443 of its node, on every address and
 * family, and passes all of it on to the lab's only API server. `api-proxy.ts HOST PORT`.
 */
import { connect, createServer } from 'node:net';

const [host = '', port = ''] = process.argv.slice(2);

createServer((client) => {
  const server = connect(Number(port), host);
  const end = (): void => {
    client.destroy();
    server.destroy();
  };
  for (const socket of [client, server]) {
    socket.on('error', end);
    socket.on('close', end);
  }
  client.pipe(server).pipe(client);
}).listen(6443, '::', () => process.stdout.write('ready\n'));

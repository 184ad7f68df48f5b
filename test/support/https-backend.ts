/**
 * Stands for one API server: HTTPS on port 6443 of every address. `https-backend.ts NAME CERT KEY`.
 * `/readyz`: 200, and 500 after SIGUSR2 until the next one; `/watch`: an answer without end; else: its name and whom it sees.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [name = '', cert = '', key = ''] = process.argv.slice(2);
let ready = true;
process.on('SIGUSR2', () => (ready = !ready));

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  if (request.url === '/readyz')
    response.writeHead(ready ? 200 : 500).end(ready ? 'ok' : '[-]etcd failed: reason withheld\n');
  else if (request.url === '/watch') response.writeHead(200).write(`${name}\n`);
  else response.end(`${name} ${request.socket.remoteAddress?.replace('::ffff:', '')}`);
}).listen(6443, '::', () => process.stdout.write('ready\n'));

/**
 * A client of the VIP, each request by a connection of its own. `https-clients.ts MODE HOST NUMBER`, with the CA in
 * NODE_EXTRA_CA_CERTS. Prints a line for each answer, `failed` for none within two seconds.
 * `times`: so many requests, one after the other. `steady`: one each 20 ms, for so many milliseconds, with the time of
 * each in front. `watch`: so many at once that are not ended, and when each was, by whom.
 */
import { get, type RequestOptions } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

const [mode = '', host = '', text = '', port = '6443'] = process.argv.slice(2);
const number = Number(text);
const options: RequestOptions = {
  host,
  port: Number(port),
  servername: 'kubernetes',
  agent: false,
  headers: { connection: 'close' },
};

const ask = (): Promise<string> =>
  new Promise((resolve) => {
    const request = get({ ...options, path: '/', timeout: 2000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body)).on('error', () => resolve('failed'));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve('failed'));
  });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (mode === 'times') for (let i = 0; i < number; i++) say(await ask());
if (mode === 'steady') {
  const began = performance.now();
  const all: Promise<void>[] = [];
  while (performance.now() - began < number) {
    const at = Math.round(performance.now() - began);
    all.push(ask().then((answer) => say(`${at} ${answer}`)));
    await delay(20);
  }
  await Promise.all(all);
}
if (mode === 'watch') {
  for (let i = 0; i < number; i++) {
    get({ ...options, path: '/watch' }, (response) => {
      let who = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        who = chunk.trim();
        say(`open ${who}`);
      });
      response.on('error', () => undefined).on('close', () => say(`ended ${who}`));
    }).on('error', () => say('failed'));
  }
}

/**
 * The npm package `multicast-dns` as an independent peer, run as a process of its own on a host of a test LAN:
 * `query NAME TYPE` prints every answer to a question asked each 200 ms; `respond JSON` answers with those records.
 */
import multicastDns from 'multicast-dns';

const [, , mode, ...args] = process.argv;
const peer = multicastDns({ interface: process.env['PEER_ADDRESS'] ?? '', bind: '0.0.0.0' });

if (mode === 'query') {
  const [name = '', type = 'A'] = args;
  peer.on('response', ({ answers = [], additionals = [] }) => {
    const records = ([...answers, ...additionals] as unknown as Record<string, unknown>[]).map(
      ({ type, name, data }) => ({
        type,
        name,
        data: Array.isArray(data) ? data.map(String) : data,
      }),
    );
    process.stdout.write(`${JSON.stringify(records)}\n`);
  });
  setInterval(() => peer.query(name, type as 'A'), 200);
} else {
  type Records = NonNullable<multicastDns.FullPacket['answers']>;
  const records = JSON.parse(args[0] ?? '[]') as Records;
  peer.on('query', ({ questions = [] }) => {
    const asked = records.filter((record) =>
      questions.some(({ name, type }) => name === record.name && type === record.type),
    );
    if (asked.length > 0) peer.respond({ answers: asked });
  });
}

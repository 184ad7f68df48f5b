/** Last change of a Service → right, while two hundred of them come, change and go. */
import { seedFrom } from '../../test/support/chance.ts';
import { summarise, type BenchRow } from '../harness.ts';
import { withBenchLab } from './bench-lab.ts';
import { churn } from './churn/churn.ts';

const LIMIT_MS = 2000;

export const churnRow: BenchRow = {
  name: 'churn',
  what: '200 Services created, changed and deleted at random in 20 s: last change → right, per Service',
  // However many samples are asked for: the figure is about two hundred Services.
  measure: () =>
    withBenchLab({ dhcp: { pingCheck: false } }, async (lab) => {
      const seed = seedFrom(process.env['CHURN_SEED']);
      console.error(`CHURN_SEED=${seed}`);
      const { samples, problems, notes } = await churn(lab, { services: 200, span: 20_000, seed });
      for (const line of notes) console.error(line);
      if (problems.length > 0) throw new Error(`not right:\n${problems.join('\n')}`);
      const summary = summarise(samples);
      const bar = { text: `p95 ≤ ${LIMIT_MS} ms`, held: summary.p95 <= LIMIT_MS };
      return { row: 'churn', unit: 'ms', ...summary, bar };
    }),
};

import { describe, expect, it } from 'vitest';
import { withBenchLab } from '../../bench/expose/bench-lab.ts';
import { churn } from '../../bench/expose/churn/churn.ts';
import { seedFrom } from '../support/chance.ts';

/** A few for every run; `CHURN_SERVICES=200` for as many as `npm run bench -- expose churn` has. */
const SERVICES = Number(process.env['CHURN_SERVICES'] ?? 40);
/** Hang guards only: how soon is the bench's question, and machines that test are busy. */
const PATIENCE = { graceMs: 10_000, settleMs: 90_000 };
const MS_EACH = 130;

describe('churn', () => {
  it(`${SERVICES} Services created, changed and deleted in random order, some while status, lease or mapping is under way: those that remain are right, those that are gone answer nowhere, and nothing is left`, async () => {
    const seed = seedFrom(process.env['CHURN_SEED'] ?? '1');
    console.log(`CHURN_SEED=${seed}`);
    const { samples, problems } = await withBenchLab({ dhcp: { pingCheck: false } }, (lab) =>
      churn(lab, { services: SERVICES, span: SERVICES * MS_EACH, seed, ...PATIENCE }),
    );
    expect(problems).toEqual([]);
    expect(samples).toHaveLength(SERVICES);
  }, 300_000);
});

import { describe } from 'vitest';
import { createFakeClock } from '../../../support/fake-clock.ts';
import { describeEtcd } from '../../../support/etcd-suite.ts';
import { createFakeEtcd } from '../../../support/fake-etcd.ts';

describe('the etcd of simulated time', () => {
  describeEtcd(() => {
    const clock = createFakeClock();
    return {
      wire: createFakeEtcd(clock).wire('a'),
      pass: (time) => clock.advanceAsync(time),
      async run(promise) {
        await clock.advanceAsync(100);
        return promise;
      },
    };
  });
});

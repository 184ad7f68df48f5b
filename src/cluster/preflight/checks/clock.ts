/** The clock is right, agrees with the cluster, and somebody keeps it so. */
import { installCommand } from '../distro.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import type { MachineProbe } from '../../ports/preflight.ts';
import type { Check } from '../request.ts';

/** This code is younger than that: an earlier time is that of a machine without a clock, as small boards are. */
const SURELY_PAST = new Date('2026-01-01T00:00:00Z');
/** Certificates made on one node are not valid yet on another. */
const TOO_FAR = 60_000;
/** The header Date has whole seconds, and the answer takes its time. */
const SUSPICIOUS = 5_000;

export const clock: Check = {
  id: 'clock',
  run: async ({ machine, request }) => {
    const now = machine.now();
    if (now < SURELY_PAST) return [off(machine, `the clock says ${now.toISOString()}, which is long past`)];
    const findings: Finding[] = [];
    if (request.cluster !== undefined) {
      const answer = await machine.remoteTime(request.cluster.host, request.cluster.port);
      if (answer.state === 'told') {
        const difference = machine.now().getTime() - answer.time.getTime();
        const seconds = Math.round(Math.abs(difference) / 1000);
        const what = `the clock is ${seconds} s ${difference < 0 ? 'behind' : 'ahead of'} that of the cluster`;
        if (Math.abs(difference) > TOO_FAR) return [off(machine, what)];
        if (Math.abs(difference) > SUSPICIOUS) findings.push({ ...off(machine, what), level: 'warn' });
      }
    }
    findings.push(...(await judgeSync(machine)));
    return findings.length > 0 ? findings : [fine('clock', 'the clock is kept right from the network')];
  },
};

function off(machine: MachineProbe, what: string): Extract<Finding, { level: 'error' | 'warn' }> {
  return error('clock', {
    what,
    why: 'Certificates and join codes are valid at certain times only.',
    remedy: 'timedatectl set-ntp true; by hand: date -u -s "YYYY-MM-DD hh:mm:ss"',
  });
}

async function judgeSync(machine: MachineProbe): Promise<Finding[]> {
  const result = await machine.run('timedatectl', ['show', '-p', 'NTP', '-p', 'NTPSynchronized']);
  const why = 'Clocks drift apart by seconds a week, and then certificates and leases are misjudged.';
  const asked = result?.code === 0 ? result.stdout : '';
  if (/^NTPSynchronized=yes/m.test(asked)) return [];
  if (await chronyFollows(machine)) return [];
  if (/^NTP=no/m.test(asked)) {
    const can = await hasTimesync(machine);
    return [
      warn('clock-sync', {
        what: 'nobody keeps the clock right',
        why,
        remedy: can ? 'timedatectl set-ntp true' : await installCommand(machine, 'systemd-timesyncd'),
        ...(can
          ? {
              fix: {
                changes: [
                  {
                    kind: 'command',
                    argv: ['timedatectl', 'set-ntp', 'true'],
                    undo: ['timedatectl', 'set-ntp', 'false'],
                  },
                ],
              },
            }
          : {}),
      }),
    ];
  }
  if (asked !== '') {
    return [
      warn('clock-sync', {
        what: 'the clock has not been set from the network yet',
        why,
        remedy: 'timedatectl timesync-status, or journalctl -u systemd-timesyncd -n 20',
      }),
    ];
  }
  return [
    warn('clock-sync', {
      what: 'whether the clock is kept right cannot be told here',
      why,
      remedy: 'chronyc tracking, or ntpq -p',
    }),
  ];
}

async function chronyFollows(machine: MachineProbe): Promise<boolean> {
  const result = await machine.run('chronyc', ['-n', 'tracking']);
  return result?.code === 0 && /^Leap status\s*:\s*Normal/m.test(result.stdout);
}

async function hasTimesync(machine: MachineProbe): Promise<boolean> {
  const units = ['/usr/lib/systemd/system/systemd-timesyncd.service', '/lib/systemd/system/systemd-timesyncd.service'];
  return (await Promise.all(units.map((path) => machine.exists(path)))).includes(true);
}

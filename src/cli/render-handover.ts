/** `kubevip handover` for people: which address is where now. */
import type { HandoverResult } from '../workflows/handover.ts';
import { renderTable } from './table.ts';

export function renderHandover({ node, moved, kept }: HandoverResult): string {
  const rows = [
    ...moved.map(({ address, services, to }) => ({ address, services, now: to, note: '' })),
    ...kept.map(({ address, services, reason }) => ({ address, services, now: node, note: reason })),
  ];
  if (rows.length === 0) return `There was no address on ${node}.`;
  return renderTable(
    [
      { header: 'address', value: ({ address }) => address },
      { header: 'service', value: ({ services }) => services.join(',') },
      { header: 'now-on', value: ({ now }) => now },
      ...(kept.length === 0 ? [] : [{ header: 'why', value: ({ note }: { note: string }) => note }]),
    ],
    rows,
  );
}

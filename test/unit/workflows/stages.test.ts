import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Service } from '../../../src/model/kubernetes.ts';
import { firstProblem, hasConditions, hintsFor, isFinal, STAGES } from '../../../src/workflows/stages.ts';
import { condition, withConditions } from '../../support/exposed.ts';

const bare: Service = { metadata: { name: 'web' }, spec: {} };

describe('stages', () => {
  it('give the first problem in the order of the pipeline, whatever the order of the conditions', () => {
    const service = withConditions(
      bare,
      condition('name', 'False', 'NameTaken'),
      condition('router', 'Unknown', 'RouterMapping'),
      condition('address', 'True', 'x'),
    );
    expect(firstProblem(service)?.stage).toBe('router');
    expect(firstProblem(bare)).toBeUndefined();
    expect([hasConditions(bare), hasConditions(service)]).toEqual([false, true]);
  });

  it('are given up only where somebody has to change something', () => {
    expect(isFinal(condition('address', 'False', 'NoPool'))).toBe(true);
    expect(isFinal(condition('address', 'Unknown', 'NoPool'))).toBe(false);
    expect(isFinal(condition('address', 'False', 'NoDhcpServer'))).toBe(false);
  });

  it('always have a hint', () => {
    for (const stage of STAGES) expect(hintsFor(stage, 'AnythingElse')[0]).toMatch(/\?|`/);
  });

  it('know only reasons that the agent gives', () => {
    const list = readFileSync(join(import.meta.dirname, '../../../docs/reference/conditions.md'), 'utf8');
    const source = readFileSync(join(import.meta.dirname, '../../../src/workflows/stages.ts'), 'utf8');
    const known = [...source.matchAll(/^ {2}'?([A-Z][A-Za-z0-9]+)'?[,:]/gm)].map(([, reason]) => reason ?? '');
    const given = new Set([...list.matchAll(/^\| `(\w+)`/gm)].map(([, reason]) => reason));
    // Told by the router through a table of its own, which the list does not read.
    const exceptions = ['MappingRefused'];
    expect(known.length).toBeGreaterThan(10);
    expect(known.filter((reason) => !given.has(reason) && !exceptions.includes(reason))).toEqual([]);
  });
});

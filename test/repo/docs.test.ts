import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { agentPage, FAULTS, metricsPage } from '../support/reference-agent.ts';
import { cliPage, ERROR_CODES, errorCodesInSource, exitCodesPage } from '../support/reference-cli.ts';
import { compatibilityPage } from '../support/reference-compatibility.ts';
import { annotationsPage, conditionsPage, reasonsInSource } from '../support/reference-docs.ts';

const PAGES = {
  'docs/compatibility.md': compatibilityPage,
  'docs/reference/agent.md': agentPage,
  'docs/reference/annotations.md': annotationsPage,
  'docs/reference/cli.md': cliPage,
  'docs/reference/conditions.md': conditionsPage,
  'docs/reference/exit-codes.md': exitCodesPage,
  'docs/reference/metrics.md': metricsPage,
};

describe('reference pages made from the code', () => {
  it.each(Object.entries(PAGES))('%s is up to date (npm run docs writes it)', async (path, render) => {
    const file = join(import.meta.dirname, '..', '..', path);
    const page = await format(await render(), { parser: 'markdown', printWidth: 120, singleQuote: true });
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, page);
    expect(readFileSync(file, 'utf8')).toBe(page);
  });

  it('explain every code of an error that a command can end with, and no other', () => {
    expect([...errorCodesInSource()].sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it('name only reasons that the agent gives', () => {
    const given = new Set(reasonsInSource().map(({ reason }) => reason));
    const named = FAULTS.flatMap(([, text]) =>
      [...text.matchAll(/`([A-Z][A-Za-z0-9]+)`/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !given.has(name))).toEqual([]);
  });
});

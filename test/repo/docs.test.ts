import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { annotationsPage, conditionsPage } from '../support/reference-docs.ts';

const PAGES = { 'docs/reference/annotations.md': annotationsPage, 'docs/reference/conditions.md': conditionsPage };

describe('reference pages made from the code', () => {
  it.each(Object.entries(PAGES))('%s is up to date (npm run docs writes it)', async (path, render) => {
    const file = join(import.meta.dirname, '..', '..', path);
    const page = await format(render(), { parser: 'markdown', printWidth: 120, singleQuote: true });
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, page);
    expect(readFileSync(file, 'utf8')).toBe(page);
  });
});

/** Colours, where somebody sees them. */
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** `text` in a style if `color`; as it is otherwise. */
export function paint(style: Style, text: string, color: boolean): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}

/** Whether a stream wants colours: a terminal, or FORCE_COLOR; never with NO_COLOR or on a dumb terminal. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '0') !== '0') return true;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

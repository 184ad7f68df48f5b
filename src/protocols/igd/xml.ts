/**
 * XML from a router, which is XML from anybody on the LAN: no document types, no entities but the five of the standard
 * and character references, and limits on everything. Namespaces are dropped, since routers get them wrong.
 */
import { XMLParser } from 'fast-xml-parser';
import { DecodeError, messageOf } from '../../model/errors.ts';

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

export interface XmlLimits {
  readonly maxLength: number;
  readonly maxDepth: number;
  readonly maxElements: number;
}
/** A router's longest known description has some 40 kB, 8 levels and 400 elements. */
export const XML_LIMITS: XmlLimits = { maxLength: 256 * 1024, maxDepth: 32, maxElements: 5000 };

const TEXT = '#text';
const CDATA = '#cdata';

/** The root element of a document. @throws DecodeError for anything that is not plain, well-formed and small. */
export function parseXml(source: string, limits: XmlLimits = XML_LIMITS): XmlElement {
  if (source.length > limits.maxLength) throw new DecodeError(`XML of more than ${limits.maxLength} characters`);
  if (/<!(?!--|\[CDATA\[)/.test(source)) throw new DecodeError('XML with a document type is refused');
  // Some routers pad the end with zero bytes.
  const text = source
    .replace(/^\uFEFF/, '')
    .replace(/[\0\s]+$/, '')
    .trimStart();
  if (!text.startsWith('<') || !text.endsWith('>')) throw new DecodeError('not XML, or cut off');
  const wrapped = guarded((): unknown => createParser(limits).parse(text));
  const counter = { elements: 0 };
  const roots = childrenOf(wrapped, limits, counter, 0).children.filter((element) => !element.name.startsWith('?'));
  const [root] = roots;
  if (!root || roots.length !== 1) throw new DecodeError(`XML has one root element, not ${roots.length}`);
  return root;
}

/** The first child with this name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((each) => each.name === name);
}

/** Text of the first child with this name. */
export function childText(element: XmlElement | undefined, name: string): string | undefined {
  return child(element, name)?.text;
}

/** The element itself and everything below with this name, in document order. */
export function descendants(element: XmlElement, name: string): XmlElement[] {
  const below = element.children.flatMap((each) => descendants(each, name));
  return element.name === name ? [element, ...below] : below;
}

/** Text for use between tags or in an attribute; characters that XML 1.0 has no way to write are left out. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '')
    .replaceAll(/[&<>"'\r]/g, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

function createParser(limits: XmlLimits): XMLParser {
  return new XMLParser({
    preserveOrder: true,
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    trimValues: false,
    processEntities: false,
    textNodeName: TEXT,
    cdataPropName: CDATA,
    maxNestedTags: limits.maxDepth,
  });
}

/** The parser throws plain Errors of its own. */
function guarded<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(`not XML: ${messageOf(error)}`);
  }
}

/** From the parser's shape: a list of objects, each with one key that is the name or stands for text. */
function childrenOf(
  list: unknown,
  limits: XmlLimits,
  counter: { elements: number },
  depth: number,
): { text: string; children: XmlElement[] } {
  if (depth > limits.maxDepth) throw new DecodeError(`XML deeper than ${limits.maxDepth}`);
  const children: XmlElement[] = [];
  let text = '';
  for (const item of Array.isArray(list) ? (list as unknown[]) : []) {
    const [name, value] = Object.entries(item as Record<string, unknown>).find(([key]) => key !== ':@') ?? [];
    if (name === undefined) continue;
    if (typeof value === 'string' && name === TEXT) text += unescapeXml(value);
    else if (name === CDATA) text += rawText(value);
    else {
      if (++counter.elements > limits.maxElements)
        throw new DecodeError(`XML of more than ${limits.maxElements} elements`);
      children.push({ name, ...childrenOf(value, limits, counter, depth + 1) });
    }
  }
  return { text: text.trim(), children };
}

function rawText(list: unknown): string {
  if (!Array.isArray(list)) return '';
  const texts = (list as Record<string, unknown>[]).map((item) => item[TEXT]);
  return texts.filter((text) => typeof text === 'string').join('');
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Once, not again in the result; what is no reference stays as it is. */
function unescapeXml(text: string): string {
  return text.replaceAll(/&(#\d{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);/gi, (_, reference: string) => {
    const named = NAMED[reference.toLowerCase()];
    if (named !== undefined) return named;
    const hex = /^#x/i.test(reference);
    const point = Number.parseInt(reference.slice(hex ? 2 : 1), hex ? 16 : 10);
    return point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? String.fromCodePoint(point) : '';
  });
}

/**
 * YAML that people write (policies, controllers' codes, mappings), read so that whatever is wrong is told with its line and column,
 * all of it at once. Values are taken from the nodes: nothing becomes an object before it was looked at. Pure; no files.
 */
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';

/** Something wrong, and where. Lines and columns count from 1. */
export interface Mistake {
  line: number;
  column: number;
  /** What is wrong and what to do. */
  message: string;
}

/** A key of a mapping, its value, and where the key stands. `value` is null where nothing follows the colon. */
export interface Entry {
  key: string;
  value: Node | null;
  at: number;
}

/** What a file may be at most; more is no text that somebody wrote. */
export const YAML_LIMITS = { characters: 512 * 1024, depth: 40, nodes: 50_000 } as const;

/** Told at most: whoever has more corrects these first. */
const MISTAKES_LIMIT = 200;

/** A text in YAML 1.2 and what is wrong with it. */
export class YamlText {
  readonly #lines = new LineCounter();
  readonly #mistakes: { at: number; message: string | (() => string) }[] = [];
  /** Null where the text is empty, no YAML, or beyond a limit. */
  readonly root: Node | null;

  constructor(text: string) {
    this.root = this.#parse(text);
  }

  /** In the order of the text. */
  get mistakes(): Mistake[] {
    const inOrder = [...this.#mistakes].sort((a, b) => a.at - b.at).slice(0, MISTAKES_LIMIT);
    return inOrder.map(({ at, message }) => {
      const { line, col } = this.#lines.linePos(at);
      return { line: Math.max(1, line), column: Math.max(1, col), message: typeof message === 'string' ? message : message() };
    });
  }

  get isWrong(): boolean {
    return this.#mistakes.length > 0;
  }

  /**
   * Notes something wrong, at a node or an offset into the text; at the beginning where neither is known.
   * @param message made only where it is told, if making it takes its time
   */
  mistake(where: Node | number | null | undefined, message: string | (() => string)): void {
    this.#mistakes.push({ at: typeof where === 'number' ? where : this.at(where), message });
  }

  /** Where a node begins, as an offset into the text. */
  at(node: Node | null | undefined): number {
    return node?.range?.[0] ?? 0;
  }

  /** The entries of a mapping; none, and a mistake, where it is no mapping. */
  entriesOf(node: Node | null | undefined, what: string, otherwise = 0): Entry[] {
    if (!isMap(node)) {
      this.mistake(node ?? otherwise, `${what} holds keys and values`);
      return [];
    }
    return node.items.map((pair) => {
      const key = pair.key as Node;
      return { key: this.textOf(key, 'a key') ?? '', value: pair.value as Node | null, at: this.at(key) };
    });
  }

  /** The characters of a scalar, whatever YAML takes them for: `0123`, `yes` and `1` are texts where a text is expected. */
  textOf(node: Node | null | undefined, what: string, otherwise = 0): string | undefined {
    if (isScalar(node) && node.value !== null) return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    this.mistake(node ?? otherwise, `${what} is a text`);
    return undefined;
  }

  #parse(text: string): Node | null {
    if (text.length > YAML_LIMITS.characters) {
      this.mistake(0, `the text has more than ${YAML_LIMITS.characters} characters`);
      return null;
    }
    try {
      // The parser compares each key with all before it; here they are remembered (`#checkKeys`).
      const options = { lineCounter: this.#lines, uniqueKeys: false, version: '1.2', prettyErrors: false } as const;
      const document = parseDocument(text, options);
      this.#checkNodes(document.contents);
      // What the parser says of a text that is too deep is about its own stack.
      if (!this.isWrong) for (const error of [...document.errors, ...document.warnings]) this.mistake(error.pos[0], error.message);
      return this.isWrong ? null : document.contents;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // The parser calls itself for each level, and ran out of stack.
      this.mistake(0, TOO_DEEP);
      return null;
    }
  }

  #checkKeys({ items }: Pick<YAMLMap, 'items'>): void {
    const seen = new Set<string>();
    for (const { key } of items) {
      if (!isScalar(key)) continue;
      const text = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
      if (seen.has(text)) this.mistake(key, 'the key stands here a second time: keys are unique');
      seen.add(text);
    }
  }

  /** Without calling itself, so that no text is too deep to be looked at. */
  #checkNodes(root: unknown): void {
    const open: [node: unknown, depth: number][] = [[root, 0]];
    for (let seen = 0; open.length > 0; seen++) {
      const [node, depth] = open.pop() as [unknown, number];
      const beyond = depth > YAML_LIMITS.depth ? TOO_DEEP : seen > YAML_LIMITS.nodes ? TOO_MANY : undefined;
      if (beyond !== undefined) {
        this.mistake(node as Node, beyond);
        break;
      }
      if (isAlias(node)) this.mistake(node, 'aliases (*) are not read: write out what stands at the anchor');
      if (isPair(node)) open.push([node.key, depth + 1], [node.value, depth + 1]);
      if (isMap(node)) this.#checkKeys(node);
      if (isMap(node) || isSeq(node)) for (const item of node.items) open.push([item, isMap(node) ? depth : depth + 1]);
    }
  }
}

const TOO_MANY = `the text has more than ${YAML_LIMITS.nodes} values`;
const TOO_DEEP = `nested more than ${YAML_LIMITS.depth} deep`;

/**
 * The one that was probably meant: the nearest by insertions, deletions and replacements of letters, within a third of its length.
 * `''`, or a sentence that follows a message.
 */
export function didYouMean(text: string, known: Iterable<string>): string {
  if (text.length > 80) return '';
  let [best, least] = ['', Math.max(text.length > 3 ? 2 : 1, Math.floor(text.length / 3)) + 1];
  for (const each of known) {
    const distance = each.length > 80 ? least : distanceOf(text, each);
    if (distance < least) [best, least] = [each, distance];
  }
  return best === '' ? '' : ` (did you mean ${best}?)`;
}

function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

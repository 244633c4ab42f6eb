/**
 * Foreign columns → events. A mapping is an event with holes, in YAML: what stands in it is constant, `{column}` in a
 * text is a hole, and a map whose keys start with `$` is a hole with something done to it (mappings/README.md).
 * Reading a mapping checks all of it and names line and column of what is wrong; `bind` checks it against a header.
 */
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { YamlText } from '../vocabulary/yaml-text.ts';
import { CliError, EXIT } from './terminal.ts';
import { parseTime, TimeNotRead, zoneOf } from './time.ts';

/** What a record lacked, by pointer into the event and rule; no value of the record. */
export class NotMapped extends Error {
  override name = 'NotMapped';
  constructor(
    readonly path: string,
    readonly rule: string,
    message: string,
  ) {
    super(message);
  }
}

/** The file is at fault: every problem with its line and column. */
export class InvalidMapping extends CliError {
  override name = 'InvalidMapping';
  constructor(file: string, problems: readonly string[]) {
    super(EXIT.usage, `${file} is not a mapping that can be used.`, problems);
  }
}

export type MappedEvent = Record<string, unknown>;

/** One record: its fields in the order of the header, and its number among the records, from 1. */
export interface Fields {
  values: readonly string[];
  number: number;
}

export type Mapped = { event: MappedEvent } | { skipped: string };

export interface Mapping {
  delimiter: string;
  /** Names of the columns, where the file has no header line. */
  columns?: readonly string[];
  /**
   * Ties the mapping to a file's header.
   * @throws InvalidMapping naming the columns that the file does not have.
   */
  bind(header: readonly string[]): (record: Fields) => Mapped;
}

/** Value of a field for a record; `undefined` leaves the field out. */
type Hole = (record: Fields) => unknown;

interface Rule {
  when: { column: string; values: ReadonlySet<string> }[];
  skip?: string;
  event?: Template;
}

type Template =
  | { kind: 'constant'; value: unknown }
  | { kind: 'hole'; hole: HoleSpec; path: string }
  | { kind: 'map'; fields: Map<string, Template> }
  | { kind: 'list'; items: Template[] };

interface HoleSpec {
  /** Constants and column names in turn; `#` is the record's number. */
  parts: ({ text: string } | { column: string } | { number: true })[];
  empty: ReadonlySet<string>;
  optional: boolean;
  table?: { name: string; values: ReadonlyMap<string, unknown> };
  otherwise?: { value: unknown };
  as?: 'time' | 'integer' | 'number' | 'boolean';
  zone?: string;
}

const TOP = ['csv', 'tables', 'event', 'rules'];
const CSV = ['delimiter', 'columns'];
const RULE = ['when', 'event', 'skip'];
const HOLE = ['$from', '$table', '$else', '$as', '$zone', '$empty', '$optional'];
const AS = ['time', 'integer', 'number', 'boolean'];
const DEPTH = 20;

/**
 * Reads a mapping.
 * @param file its name, for messages.
 * @throws InvalidMapping with every problem, each with line and column.
 */
export function readMapping(text: string, file: string): Mapping {
  return new MappingReader(text, file).read();
}

class MappingReader {
  private readonly yaml: YamlText;
  private readonly tables = new Map<string, ReadonlyMap<string, unknown>>();

  constructor(
    text: string,
    private readonly file: string,
  ) {
    this.yaml = new YamlText(text);
  }

  read(): Mapping {
    this.stopIfWrong();
    const { root } = this.yaml;
    if (!isMap(root)) this.problem(0, `a mapping has the keys ${TOP.join(', ')}`);
    this.stopIfWrong();
    const top = this.keysOf(root as Node, TOP, 'a mapping');
    const csv = this.csvOf(top.get('csv'));
    this.tablesOf(top.get('tables'));
    const base = top.has('event') ? this.templateOf(top.get('event'), '', 0) : undefined;
    if (base === undefined) this.problem(0, 'the key event is missing: the fields that every record gives');
    else if (base.kind !== 'map') this.problem(this.at(top.get('event')), 'event holds the fields of an event');
    const rules = top.has('rules') ? this.rulesOf(top.get('rules')) : undefined;
    this.stopIfWrong();
    return { ...csv, bind: (header) => bind(this.file, base as Template, rules, header) };
  }

  private csvOf(node: Node | undefined): { delimiter: string; columns?: string[] } {
    if (node === undefined) return { delimiter: ',' };
    const keys = this.keysOf(node, CSV, 'csv');
    const delimiter = keys.has('delimiter') ? this.textOf(keys.get('delimiter'), 'delimiter') : ',';
    if (delimiter !== undefined && (delimiter.length !== 1 || /["\r\n]/.test(delimiter))) {
      this.problem(this.at(keys.get('delimiter')), 'delimiter is one character, such as "," or ";"');
    }
    const columns = keys.has('columns') ? this.textsOf(keys.get('columns'), 'columns') : undefined;
    return { delimiter: delimiter ?? ',', ...(columns ? { columns } : {}) };
  }

  private tablesOf(node: Node | undefined): void {
    if (node === undefined) return;
    for (const [name, table] of this.entriesOf(node, 'tables')) this.tables.set(name, this.tableOf(table, `the table ${name}`));
  }

  private tableOf(node: Node | undefined, what: string): ReadonlyMap<string, unknown> {
    const values = new Map<string, unknown>();
    for (const [from, to] of this.entriesOf(node, what)) values.set(from, this.constantOf(to, what));
    return values;
  }

  private rulesOf(node: Node | undefined): Rule[] {
    if (!isSeq(node)) {
      this.problem(this.at(node), 'rules is a list; each has when, and event or skip');
      return [];
    }
    const items = node.items as Node[];
    return items.map((item, index) => this.ruleOf(item, index === items.length - 1));
  }

  private ruleOf(node: Node, isLast: boolean): Rule {
    const keys = this.keysOf(node, RULE, 'a rule');
    const rule: Rule = { when: keys.has('when') ? this.whenOf(keys.get('when')) : [] };
    if (!keys.has('when') && !isLast) this.problem(this.at(node), 'only the last rule may do without when: it takes every record');
    if (keys.has('event') === keys.has('skip')) this.problem(this.at(node), 'a rule has either event or skip');
    if (keys.has('skip')) rule.skip = this.textOf(keys.get('skip'), 'skip (the reason)') ?? '';
    if (keys.has('event')) rule.event = this.templateOf(keys.get('event'), '', 0);
    if (rule.event && rule.event.kind !== 'map') this.problem(this.at(keys.get('event')), 'event holds fields of an event');
    return rule;
  }

  private whenOf(node: Node | undefined): Rule['when'] {
    const conditions = this.entriesOf(node, 'when').map(([column, values]) => ({
      column,
      values: new Set(isSeq(values) ? this.textsOf(values, `when ${column}`) : [this.textOf(values, `when ${column}`) ?? '']),
    }));
    if (conditions.length === 0) this.problem(this.at(node), 'when names at least one column and its values');
    return conditions;
  }

  private templateOf(node: Node | undefined, path: string, depth: number): Template {
    if (depth > DEPTH) {
      this.problem(this.at(node), `nested more than ${DEPTH} deep`);
    } else if (isSeq(node)) {
      return { kind: 'list', items: (node.items as Node[]).map((item, index) => this.templateOf(item, `${path}/${index}`, depth + 1)) };
    } else if (isMap(node)) {
      const isHole = node.items.some((pair) => isScalar(pair.key) && String(pair.key.value).startsWith('$'));
      if (isHole) return { kind: 'hole', hole: this.holeOf(node), path };
      const fields = this.entriesOf(node, path || 'event');
      for (const [key, , at] of fields) if (key === '__proto__') this.problem(at, 'no field of an event is called __proto__');
      return { kind: 'map', fields: new Map(fields.map(([key, value]) => [key, this.templateOf(value, `${path}/${key}`, depth + 1)])) };
    } else if (isScalar(node) && typeof node.value === 'string') {
      const parts = this.partsOf(node, node.value);
      if (parts.every((part) => 'text' in part)) return { kind: 'constant', value: parts.map((part) => part.text).join('') };
      return { kind: 'hole', hole: { parts, empty: new Set(['']), optional: false }, path };
    }
    return { kind: 'constant', value: this.constantOf(node, path || 'event') };
  }

  private holeOf(node: YAMLMap): HoleSpec {
    const keys = this.keysOf(node, HOLE, 'a hole');
    const from = keys.get('$from');
    if (from === undefined) this.problem(this.at(node), '$from is missing: a text with {column} in it');
    const text = from === undefined ? undefined : this.textOf(from, '$from');
    const hole: HoleSpec = {
      parts: text === undefined ? [] : this.partsOf(from as Node, text),
      empty: new Set(['', ...(keys.has('$empty') ? this.textsOf(keys.get('$empty'), '$empty') : [])]),
      optional: this.flagOf(keys.get('$optional'), '$optional'),
    };
    this.tableInto(hole, keys);
    this.conversionInto(hole, keys, node);
    return hole;
  }

  private tableInto(hole: HoleSpec, keys: ReadonlyMap<string, Node | undefined>): void {
    const table = keys.get('$table');
    if (isMap(table)) hole.table = { name: '$table', values: this.tableOf(table, '$table') };
    else if (table !== undefined) {
      const name = this.textOf(table, '$table') ?? '';
      const values = this.tables.get(name);
      if (values) hole.table = { name, values };
      else this.problem(this.at(table), `there is no table ${name} under tables`);
    }
    if (!keys.has('$else')) return;
    if (!keys.has('$table')) this.problem(this.at(keys.get('$else')), '$else goes with $table: it stands for values that the table lacks');
    hole.otherwise = { value: this.constantOf(keys.get('$else'), '$else') };
  }

  private conversionInto(hole: HoleSpec, keys: ReadonlyMap<string, Node | undefined>, node: YAMLMap): void {
    const as = keys.has('$as') ? this.textOf(keys.get('$as'), '$as') : undefined;
    if (as !== undefined && !AS.includes(as)) this.problem(this.at(keys.get('$as')), `$as is one of ${AS.join(', ')}`);
    else if (as !== undefined) hole.as = as as NonNullable<HoleSpec['as']>;
    if (as !== undefined && keys.has('$table')) this.problem(this.at(node), 'a hole has $table or $as, not both');
    if (!keys.has('$zone')) return;
    const zone = this.textOf(keys.get('$zone'), '$zone') ?? '';
    if (as !== 'time') this.problem(this.at(keys.get('$zone')), '$zone goes with $as: time');
    if (zoneOf(zone) === undefined) {
      this.problem(this.at(keys.get('$zone')), '$zone is a time zone such as Europe/Stockholm, or an offset such as +01:00');
    }
    hole.zone = zone;
  }

  /** `urn:x:{column}` in parts; `{{` and `}}` are braces that mean themselves, `{#}` is the record's number. */
  private partsOf(node: Node, text: string): HoleSpec['parts'] {
    const parts: HoleSpec['parts'] = [];
    const braces = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;
    let constant = '';
    let from = 0;
    for (const match of text.matchAll(braces)) {
      constant += text.slice(from, match.index);
      from = match.index + match[0].length;
      if (match[0] === '{{' || match[0] === '}}') constant += match[0][0];
      else if (match[1] === undefined || match[1] === '') this.problem(this.at(node), 'a brace that is not part of {column} is doubled');
      else {
        if (constant !== '') parts.push({ text: constant });
        constant = '';
        parts.push(match[1] === '#' ? { number: true } : { column: match[1] });
      }
    }
    constant += text.slice(from);
    if (constant !== '' || parts.length === 0) parts.push({ text: constant });
    return parts;
  }

  /** A scalar, or a list of them, that is the same for every record. */
  private constantOf(node: Node | undefined, what: string): unknown {
    if (isSeq(node)) return (node.items as Node[]).map((item) => this.constantOf(item, what));
    if (isScalar(node)) {
      const value = node.value;
      if (typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
    }
    this.problem(this.at(node), `${what}: text, a number, true, false or a list of them is expected here`);
    return undefined;
  }

  private textOf(node: Node | undefined, what: string): string | undefined {
    return this.yaml.textOf(node, what);
  }

  private textsOf(node: Node | undefined, what: string): string[] {
    if (isSeq(node)) return (node.items as Node[]).map((item) => this.textOf(item, what) ?? '');
    this.problem(this.at(node), `${what} is a list of texts`);
    return [];
  }

  private flagOf(node: Node | undefined, what: string): boolean {
    if (node === undefined) return false;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.problem(this.at(node), `${what} is true or false`);
    return false;
  }

  private keysOf(node: Node | undefined, allowed: readonly string[], what: string): Map<string, Node | undefined> {
    const entries = this.entriesOf(node, what);
    for (const [key, , at] of entries) {
      if (!allowed.includes(key)) this.problem(at, `${what} has no key ${key}; it has ${allowed.join(', ')}`);
    }
    return new Map(entries.map(([key, value]) => [key, value]));
  }

  private entriesOf(node: Node | undefined, what: string): [key: string, value: Node, at: number][] {
    return this.yaml.entriesOf(node, what).map(({ key, value, at }) => [key, value as Node, at]);
  }

  private at(node: Node | undefined): number {
    return this.yaml.at(node);
  }

  private problem(offset: number, text: string): void {
    this.yaml.mistake(offset, text);
  }

  private stopIfWrong(): void {
    const problems = this.yaml.mistakes.map(({ line, column, message }) => `line ${line}, column ${column}: ${message}`);
    if (problems.length > 0) throw new InvalidMapping(this.file, problems);
  }
}

function bind(file: string, base: Template, rules: readonly Rule[] | undefined, header: readonly string[]): (record: Fields) => Mapped {
  const binder = new Binder(header);
  const whole = rules === undefined ? binder.bind(base) : undefined;
  const bound = (rules ?? []).map((rule) => ({
    when: rule.when.map((condition) => ({ index: binder.indexOf(condition.column), values: condition.values })),
    skip: rule.skip,
    hole: rule.event ? binder.bind(merged(base, rule.event)) : undefined,
  }));
  if (binder.missing.size > 0) {
    throw new InvalidMapping(file, [
      `the file has no column ${[...binder.missing].join(', ')}`,
      `its columns are ${header.map((name) => JSON.stringify(name)).join(', ')}`,
    ]);
  }
  if (binder.ambiguous.size > 0) throw new InvalidMapping(file, [`the file has more than one column ${[...binder.ambiguous].join(', ')}`]);
  return (record) => {
    if (whole) return { event: (whole(record) ?? {}) as MappedEvent };
    const rule = bound.find(({ when }) => when.every(({ index, values }) => values.has((record.values[index] as string).trim())));
    if (rule === undefined) throw new NotMapped('', 'no-rule', 'no rule of the mapping takes this record');
    return rule.hole ? { event: (rule.hole(record) ?? {}) as MappedEvent } : { skipped: rule.skip ?? '' };
  };
}

/** A rule's fields over those of every record: maps are merged, everything else is replaced. */
function merged(base: Template, over: Template): Template {
  if (base.kind !== 'map' || over.kind !== 'map') return over;
  const fields = new Map(base.fields);
  for (const [key, template] of over.fields) {
    const below = fields.get(key);
    fields.set(key, below ? merged(below, template) : template);
  }
  return { kind: 'map', fields };
}

class Binder {
  readonly missing = new Set<string>();
  readonly ambiguous = new Set<string>();

  constructor(private readonly header: readonly string[]) {}

  indexOf(column: string): number {
    const index = this.header.indexOf(column);
    if (index < 0) this.missing.add(JSON.stringify(column));
    else if (this.header.lastIndexOf(column) !== index) this.ambiguous.add(JSON.stringify(column));
    return index;
  }

  bind(template: Template): Hole {
    switch (template.kind) {
      case 'constant':
        return () => template.value;
      case 'hole':
        return this.bindHole(template.hole, template.path);
      case 'list': {
        const items = template.items.map((item) => this.bind(item));
        return (record) => present(items.map((item) => item(record)));
      }
      case 'map': {
        const fields = [...template.fields].map(([key, value]) => [key, this.bind(value)] as const);
        return (record) => {
          const made: MappedEvent = {};
          let isEmpty = fields.length > 0;
          for (const [key, hole] of fields) {
            const value = hole(record);
            if (value === undefined) continue;
            made[key] = value;
            isEmpty = false;
          }
          return isEmpty ? undefined : made;
        };
      }
    }
  }

  private bindHole(hole: HoleSpec, path: string): Hole {
    const parts = hole.parts.map((part) => ('column' in part ? { index: this.indexOf(part.column), column: part.column } : part));
    return (record) => {
      let text = '';
      for (const part of parts) {
        if ('text' in part) text += part.text;
        else if ('number' in part) text += String(record.number);
        else {
          const value = (record.values[part.index] as string).trim();
          if (hole.empty.has(value)) {
            if (hole.optional) return undefined;
            throw new NotMapped(path, 'empty-column', `the column ${part.column} is empty`);
          }
          text += value;
        }
      }
      return converted(text, hole, path);
    };
  }
}

/** What optional holes left out of a list is not there; a list of nothing but such holes is itself left out. */
function present(items: unknown[]): unknown[] | undefined {
  const there = items.filter((item) => item !== undefined);
  return there.length === 0 && items.length > 0 ? undefined : there;
}

function converted(text: string, hole: HoleSpec, path: string): unknown {
  if (hole.table) {
    if (hole.table.values.has(text)) return hole.table.values.get(text);
    if (hole.otherwise) return hole.otherwise.value;
    throw new NotMapped(path, 'not-in-table', `the table ${hole.table.name} has no entry for this value`);
  }
  switch (hole.as) {
    case undefined:
      return text;
    case 'time':
      return timeOf(text, hole.zone, path);
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      throw new NotMapped(path, 'not-a-boolean', 'true or false is expected; map other words with $table');
    default:
      return numberOf(text, hole.as, path);
  }
}

function numberOf(text: string, as: 'integer' | 'number', path: string): number {
  const value = /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (as === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value)) return value;
  throw new NotMapped(path, `not-a${as === 'integer' ? 'n-integer' : '-number'}`, 'digits are expected');
}

function timeOf(text: string, zone: string | undefined, path: string): string {
  try {
    return parseTime(text, zone);
  } catch (error) {
    if (error instanceof TimeNotRead) throw new NotMapped(path, 'not-a-time', error.message);
    throw error;
  }
}

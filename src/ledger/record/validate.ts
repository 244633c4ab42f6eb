import { _, Ajv, type KeywordCxt } from 'ajv';
import { validateSync } from 'class-validator';
import type { Vocabulary } from '../../vocabulary/vocabulary.ts';
import { eventType } from '../events.ts';
import { problemsAcross } from './across.ts';
import { shapeOfEvent } from './catalogue.ts';
import { PROBLEM_LIMIT, type Problem } from './problem.ts';
import { isObject, JUDGE, type Judge, ruleOf, type Shape, wordsFor } from './rules.ts';
import { compiledPart, compiledSchema } from './schema.ts';
import { fieldsOfShape, type RuleUse, rulesOfShape } from './shape.ts';
import { AnyData, Envelope } from './types/common.ts';

export { PROBLEM_LIMIT, type Problem };

type Verdict = (value: unknown) => boolean;

/** Whoever asks whether something may be done says of whom and what for, and as much of the rest as is known. */
const NEEDED_BEFOREHAND: ReadonlySet<string> = new Set(['subjects', 'purpose']);

/**
 * Judges events by the schema of their type, and says everything that is wrong with one that fails.
 *
 * Ajv gives the verdict (microseconds), compiled from the classes in `types/` when a type is first seen; only where it
 * says no, class-validator goes through the same classes and words the problems. Nothing throws, whatever the event is.
 */
export class EventValidator {
  readonly #judge: Judge;
  readonly #verdicts = new Map<Shape, Verdict>();
  readonly #verdictsBeforehand = new Map<Shape, Verdict>();
  readonly #verdictsOnParts = new Map<Shape, Verdict>();

  constructor(vocabulary: Vocabulary) {
    this.#judge = { vocabulary };
  }

  /**
   * @param event as `JSON.parse` gave it
   * @param now the ledger's clock, milliseconds since 1970
   * @returns at most 50 problems in a stable order; empty where the event may be recorded
   */
  validate(event: unknown, now: number): Problem[] {
    const shape = shapeOfEvent(event);
    if (shape !== undefined && this.#verdictOn(shape)(event)) return problemsAcross(event as Record<string, unknown>, now);
    // Class-validator takes its time, and most of the parts of an event with a thousand subjects are right.
    const problems = this.#explain(event, (part, partShape) => this.#verdictOnPart(partShape)(part));
    // Both verdicts are the same; should they ever differ, the event must not pass for that.
    return problems.length > 0 ? problems : [{ path: '', rule: 'invalid', message: 'does not fit the schema of its type' }];
  }

  /** What is wrong with an event that has not happened yet: of its data only subjects and purpose must be there. Else as `validate`. */
  validateBeforehand(event: unknown, now: number): Problem[] {
    const shape = shapeOfEvent(event);
    if (shape !== undefined && this.#verdictBeforehand(shape)(event)) return problemsAcross(event as Record<string, unknown>, now);
    const problems = this.#explain(event, (part, partShape) => this.#verdictOnPart(partShape)(part)).filter(isNeededBeforehand);
    return problems.length > 0 ? problems : [{ path: '', rule: 'invalid', message: 'does not fit the schema of its type' }];
  }

  /** Whether every field of the event is right, by Ajv. Rules across fields are not asked. */
  passes(event: unknown): boolean {
    const shape = shapeOfEvent(event);
    return shape !== undefined && this.#verdictOn(shape)(event);
  }

  /** What is wrong with the event's fields, by class-validator alone; empty exactly where `passes`. */
  explain(event: unknown): Problem[] {
    return this.#explain(event, () => false);
  }

  #explain(event: unknown, isRight: (part: unknown, shape: Shape) => boolean): Problem[] {
    if (!isObject(event)) return [{ path: '', rule: 'wrong-type', message: 'an event must be a JSON object' }];
    const shape = shapeOfEvent(event);
    const problems = new Explanation(this.#judge, isRight);
    problems.addObject('', event, Envelope, shape ?? AnyData);
    if (shape === undefined) problems.addUnknownType(event);
    return problems.list;
  }

  #verdictOn(shape: Shape): Verdict {
    let verdict = this.#verdicts.get(shape);
    if (verdict === undefined) {
      verdict = compiler().compile(compiledSchema(shape, this.#judge)) as Verdict;
      this.#verdicts.set(shape, verdict);
    }
    return verdict;
  }

  #verdictBeforehand(shape: Shape): Verdict {
    let verdict = this.#verdictsBeforehand.get(shape);
    if (verdict === undefined) {
      verdict = compiler().compile(compiledSchema(shape, this.#judge, NEEDED_BEFOREHAND)) as Verdict;
      this.#verdictsBeforehand.set(shape, verdict);
    }
    return verdict;
  }

  #verdictOnPart(shape: Shape): Verdict {
    let verdict = this.#verdictsOnParts.get(shape);
    if (verdict === undefined) {
      verdict = compiler().compile(compiledPart(shape, this.#judge)) as Verdict;
      this.#verdictsOnParts.set(shape, verdict);
    }
    return verdict;
  }
}

/** A field of `data` that is not there is wrong only where it is needed; inside of one everything is as it is of an event. */
function isNeededBeforehand({ path, rule }: Problem): boolean {
  const [, data, field, ...deeper] = path.split('/');
  if (rule !== 'required' || data !== 'data' || field === undefined || deeper.length > 0) return true;
  return NEEDED_BEFOREHAND.has(field);
}

/** A fresh one for each schema: Ajv would keep every schema for ever. */
function compiler(): Ajv {
  const ajv = new Ajv({ strict: true, allErrors: false, messages: false, validateSchema: false, meta: false, ownProperties: true });
  ajv.addKeyword({
    keyword: 'check',
    schemaType: 'object',
    code(context: KeywordCxt) {
      const passes = context.gen.scopeValue('func', { ref: (context.schema as { passes: (value: unknown) => boolean }).passes });
      context.fail(_`!${passes}(${context.data})`);
    },
  });
  return ajv;
}

/** Names of properties that an error may repeat: short, and no sentence. */
const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]{0,39}$/;

/** Gathers the problems of one event, in the order of the declared fields, up to the limit. */
class Explanation {
  readonly list: Problem[] = [];

  /** @param isRight tells of a part of the event that nothing has to be said about it */
  constructor(
    private readonly judge: Judge,
    private readonly isRight: (part: unknown, shape: Shape) => boolean,
  ) {}

  /** @param data the shape of the property `data`, where the object is the envelope */
  addObject(path: string, object: Record<string, unknown>, shape: Shape, data?: Shape): void {
    if (this.#isFull()) return;
    const fields = fieldsOfShape(shape);
    const errors = this.#judged(object, shape);
    const rules = rulesOfShape(shape);
    for (const { name, about, required } of fields) {
      const value = Object.hasOwn(object, name) ? object[name] : undefined;
      const at = `${path}/${name}`;
      if (value === undefined) {
        if (required) this.#add(at, 'required', `is required: ${about}`);
      } else if (errors.has(name)) {
        this.#addBroken(at, value, rules.get(name) ?? [], errors.get(name) as Map<string, string>);
      } else {
        this.#addNested(at, value, rules.get(name) ?? [], data);
      }
    }
    if (shape !== AnyData) this.#addUnknown(path, object, new Set(fields.map(({ name }) => name)));
  }

  /** The type is no text that any type has, or its schema is not of that type or version. */
  addUnknownType(event: Record<string, unknown>): void {
    const { type } = event;
    if (typeof type !== 'string') return;
    if (eventType(type) === undefined) {
      this.#add('/type', 'unknown-type', 'must be an event type that this ledger knows (see /schemas)');
    } else if (this.list.every(({ path }) => path !== '/dataschema')) {
      this.#add('/dataschema', 'unknown-version', `must end in /schemas/${type}/<version> with a version that exists`);
    }
  }

  /** What class-validator says of the object's own fields: by field, the words of each rule that is broken. */
  #judged(object: Record<string, unknown>, shape: Shape): Map<string, Map<string, string>> {
    const instance = Object.create(shape.prototype as object);
    for (const { name } of fieldsOfShape(shape)) if (Object.hasOwn(object, name)) instance[name] = object[name];
    instance[JUDGE] = this.judge;
    const errors = validateSync(instance, {
      stopAtFirstError: true,
      forbidUnknownValues: false,
      validationError: { target: false, value: false },
    });
    return new Map(errors.map(({ property, constraints }) => [property, new Map(Object.entries(constraints ?? {}))]));
  }

  #addBroken(path: string, value: unknown, rules: readonly RuleUse[], words: ReadonlyMap<string, string>): void {
    for (const { name, constraints, each } of rules) {
      const message = words.get(name);
      if (message === undefined) continue;
      if (each && Array.isArray(value)) this.#addElements(path, value, name, constraints);
      else this.#add(path, ruleOf(name).broken(value, constraints, this.judge) ?? name, message);
    }
  }

  #addElements(path: string, values: unknown[], name: string, constraints: readonly unknown[]): void {
    for (const [i, value] of values.entries()) {
      if (this.#isFull()) return;
      const broken = ruleOf(name).broken(value, constraints, this.judge);
      if (broken !== undefined) this.#add(`${path}/${i}`, broken, wordsFor(name, value, constraints, this.judge));
    }
  }

  #addNested(path: string, value: unknown, rules: readonly RuleUse[], data: Shape | undefined): void {
    const nested = rules.find(({ name }) => name === 'isNested');
    if (nested === undefined) return;
    const shape = (nested.constraints[0] as () => Shape)();
    if (data !== undefined && path === '/data') this.addObject(path, value as Record<string, unknown>, data);
    else if (nested.each) this.#addItems(path, value as Record<string, unknown>[], shape);
    else if (!this.isRight(value, shape)) this.addObject(path, value as Record<string, unknown>, shape);
  }

  #addItems(path: string, items: Record<string, unknown>[], shape: Shape): void {
    for (const [i, item] of items.entries()) {
      if (this.#isFull()) return;
      if (!this.isRight(item, shape)) this.addObject(`${path}/${i}`, item, shape);
    }
  }

  #addUnknown(path: string, object: Record<string, unknown>, known: ReadonlySet<string>): void {
    for (const name of Object.keys(object)) {
      if (this.#isFull()) return;
      if (known.has(name)) continue;
      if (path === '' && name === 'subject') this.#add('/subject', 'subject-in-clear', SUBJECT_ATTRIBUTE);
      // A name that is no plain word may itself be somebody's: the path then ends at the object.
      else if (PLAIN_NAME.test(name)) this.#add(`${path}/${name}`, 'unknown-property', UNKNOWN);
      else this.#add(path, 'unknown-property', `has a property that is unknown here: ${REMOVE}`);
    }
  }

  #add(path: string, rule: string, message: string): void {
    if (!this.#isFull()) this.list.push({ path, rule, message });
  }

  #isFull(): boolean {
    return this.list.length >= PROBLEM_LIMIT;
  }
}

const REMOVE = 'leave it out, or see the schema of this event type for where it belongs';
const UNKNOWN = `is unknown here: ${REMOVE}`;
const SUBJECT_ATTRIBUTE =
  'must be absent: attributes of a CloudEvent stay in clear, so a data subject belongs in data.subjects, where it is sealed';

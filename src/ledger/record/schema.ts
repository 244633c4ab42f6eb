import type { Vocabulary } from '../../vocabulary/vocabulary.ts';
import { UnknownEventVersion } from '../events.ts';
import { needsSubjects } from './across.ts';
import './catalogue.ts';
import { type JsonSchema, type Judge, ruleOf, type Shape } from './rules.ts';
import { type FieldInfo, fieldsOfShape, type RuleUse, rulesOfShape, shapeOf } from './shape.ts';
import { AnyData, Envelope } from './types/common.ts';

/**
 * `compiled` is for Ajv in this process: nothing but verdicts, with functions in it. `published` is JSON Schema 2020-12
 * for readers and for checkers elsewhere; it cannot say everything, so it lets more pass, never less.
 */
type Form = 'compiled' | 'published';

interface Making {
  form: Form;
  judge: Judge;
  /** What the envelope's `data` must fit. */
  data: Shape;
}

/**
 * The schema that Ajv compiles for the hot path. A rule that Ajv has no keyword for stands under `check`.
 *
 * @param needed all that `data` cannot do without; absent: what its class says
 */
export function compiledSchema(data: Shape, judge: Judge, needed?: ReadonlySet<string>): JsonSchema {
  const schema = schemaOfShape(Envelope, { form: 'compiled', judge, data });
  if (needed === undefined) return schema;
  const properties = schema['properties'] as Record<string, JsonSchema>;
  properties['data'] = { ...properties['data'], required: fieldsOfShape(data).flatMap(({ name }) => (needed.has(name) ? [name] : [])) };
  return schema;
}

/** The same for an object inside an event. */
export function compiledPart(shape: Shape, judge: Judge): JsonSchema {
  return schemaOfShape(shape, { form: 'compiled', judge, data: AnyData });
}

/**
 * JSON Schema 2020-12 of the whole CloudEvent of a type, so that an emitting system can check itself. What no JSON
 * Schema can say (identifiers of people in texts that stay in clear, rules across fields) is said in its description.
 *
 * @throws UnknownEventVersion
 */
export function schemaOf(type: string, version: number, vocabulary: Vocabulary): JsonSchema {
  const data = shapeOf(type, version);
  if (data === undefined) throw new UnknownEventVersion(`no version ${version} of this event type is known`);
  const schema = schemaOfShape(Envelope, { form: 'published', judge: { vocabulary }, data });
  const properties = schema['properties'] as Record<string, JsonSchema>;
  properties['type'] = { const: type, description: 'The event type.' };
  const { description: _, ...dataschema } = properties['dataschema'] as JsonSchema;
  const ending = `/schemas/${type}/${version}`;
  properties['dataschema'] = { ...dataschema, pattern: `${ending}$`, examples: [ending], description: `Ends in ${ending}.` };
  if (version !== 1) schema['required'] = [...(schema['required'] as string[]), 'dataschema'];
  if (needsSubjects(type)) requireSubjects(properties['data'] as JsonSchema);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:liggare:schema:${type}:${version}`,
    title: `${type}, version ${version}`,
    description: RULES_BESIDE,
    ...schema,
  };
}

const RULES_BESIDE = [
  'A CloudEvents 1.0 event in structured mode.',
  'Beside this schema: texts hold no control characters, are well-formed Unicode and have at most 1024 characters;',
  'what stays in clear holds no e-mail address and no personal identity number;',
  'time is at most 24 hours ahead; an event has at most 16 levels;',
  'controller is needed where the actor is a processor or sub-processor;',
  'a recipient has an id unless it is the data subject, who has none;',
  'subjects is empty only for a search without a hit, and categories only then or where access was denied;',
  'a count has a value unless its accuracy is unknown; an objection under 21(2) has no grounds;',
  'a record does not point at itself.',
].join(' ');

function requireSubjects(data: JsonSchema): void {
  const properties = data['properties'] as Record<string, JsonSchema>;
  properties['subjects'] = { ...properties['subjects'], minItems: 1 };
  data['required'] = [...new Set([...((data['required'] as string[] | undefined) ?? []), 'subjects'])];
}

function schemaOfShape(shape: Shape, making: Making): JsonSchema {
  const fields = fieldsOfShape(shape);
  const rules = rulesOfShape(shape);
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, schemaOfField(shape, field, rules.get(field.name) ?? [], making)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

function schemaOfField(shape: Shape, field: FieldInfo, rules: readonly RuleUse[], making: Making): JsonSchema {
  const isData = shape === Envelope && field.name === 'data';
  const whole = isData
    ? schemaOfShape(making.data, making)
    : combine(rules.filter(({ each }) => !each).map((rule) => schemaOfRule(rule, making)));
  const each = rules.filter((rule) => rule.each).map((rule) => schemaOfRule(rule, making));
  const schema = each.length === 0 ? whole : { ...whole, items: combine(each) };
  if (making.form === 'compiled') return schema;
  const { about, example } = field;
  return { description: about, ...schema, ...(example !== undefined && { examples: [example] }) };
}

function schemaOfRule({ name, constraints }: RuleUse, making: Making): JsonSchema {
  const rule = ruleOf(name);
  if (name === 'isNested') return schemaOfShape((constraints[0] as () => Shape)(), making);
  if (making.form === 'published') return rule.published(constraints, making.judge);
  const keywords = rule.compiled?.(constraints, making.judge);
  if (keywords !== undefined) return keywords;
  const { judge } = making;
  const passes = rule.passes?.(constraints, judge) ?? ((value: unknown) => rule.broken(value, constraints, judge) === undefined);
  return { check: { passes } };
}

/** Keywords of several rules side by side; a keyword that two of them use would lose one, which is a mistake in a class. */
function combine(schemas: JsonSchema[]): JsonSchema {
  const combined: JsonSchema = {};
  for (const schema of schemas) {
    for (const [keyword, value] of Object.entries(schema)) {
      if (Object.hasOwn(combined, keyword)) throw new Error(`two decorators on one property both say ${keyword}`);
      combined[keyword] = value;
    }
  }
  return combined;
}

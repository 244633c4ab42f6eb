import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import type { HttpProblem } from '../../src/http/problem.ts';
import { checked, ForeignJson } from '../../src/http/validation.ts';

class Inner {
  @IsOptional()
  @IsString()
  text?: string;
}

class Outer {
  @IsDefined()
  @IsObject()
  @ForeignJson()
  event!: Record<string, unknown>;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => Inner)
  inner?: Inner;
}

/** As a body arrives. */
const check = (json: string) => checked(Outer, JSON.parse(json));

function problemsOf(json: string): string[] {
  try {
    check(json);
  } catch (error) {
    return ((error as HttpProblem).options.errors ?? []).map(({ path, rule }) => `${path} ${rule}`);
  }
  return [];
}

describe("A member that holds somebody else's JSON", () => {
  it.each([
    ['names that every object has', '{"data":{"subjects":[{"before":{"constructor":"a","toString":1,"then":[]}}]}}'],
    ['__proto__', '{"__proto__":{"polluted":true},"a":{"__proto__":1}}'],
    ['great depth', `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`],
    ['null and nothing', '{"a":null,"b":{},"c":[]}'],
  ])('with %s arrives as it came', (_, event) => {
    const { event: arrived } = check(`{"event":${event},"inner":{"text":"x"}}`);
    expect(JSON.stringify(arrived)).toBe(event);
    expect((arrived as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ['{}', '/event required'],
    ['{"event":null}', '/event required'],
    ['{"event":"text"}', '/event object'],
    ['{"event":[]}', '/event object'],
  ])('is still what it was declared to be: %s', (json, problem) => {
    expect(problemsOf(json)).toContain(problem);
  });

  it.each(['{"event":{},"inner":{"constructor":"a"}}', '{"event":{},"constructor":"a"}', '{"event":{},"__proto__":{"event":1}}'])(
    'excuses nothing beside it: %s',
    (json) => {
      expect(problemsOf(json)).toEqual([' unknown-property']);
    },
  );

  it('leaves nested members checked and transformed', () => {
    expect(check('{"event":{},"inner":{"text":"x"}}').inner).toBeInstanceOf(Inner);
    expect(problemsOf('{"event":{},"inner":{"text":1}}')).toEqual(['/inner/text string']);
  });
});

import { BadGatewayException, BadRequestException, Body, Controller, Get, NotFoundException, Post } from '@nestjs/common';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, ValidateNested } from 'class-validator';
import fc from 'fast-check';
import { StoreUnavailable } from '../../src/eventstore/event-store.ts';
import { Public } from '../../src/http/auth.ts';
import { Accepts, MEDIA_TYPES } from '../../src/http/route.ts';
import { type TestServer, testServer } from './test-server.ts';

const SECRET = 'anna.berg@example.com';

class Subject {
  @IsString()
  @MaxLength(20)
  value!: string;
}

class Question {
  @IsIn(['asc', 'desc'])
  order!: string;

  @IsOptional()
  @IsInt()
  @Max(10)
  limit?: number;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(3)
  @ValidateNested({ each: true })
  @Type(() => Subject)
  subjects?: Subject[];

  @IsOptional()
  @ValidateNested()
  @Type(() => Subject)
  subject?: Subject;
}

@Controller('probe')
class Probe {
  @Post('question')
  @Public()
  question(@Body() body: Question): unknown {
    return { isQuestion: body instanceof Question };
  }

  @Post('anything')
  @Public()
  @Accepts('application/json', 'application/cloudevents+json', 'application/cloudevents-batch+json')
  anything(@Body() body: unknown): unknown {
    return { names: Object.keys(body ?? {}), polluted: ({} as { polluted?: unknown }).polluted ?? null };
  }

  @Get('thrown/unforeseen')
  @Public()
  unforeseen(): never {
    throw new TypeError(`cannot read ${SECRET}`);
  }

  @Get('thrown/text')
  @Public()
  text(): never {
    throw SECRET;
  }

  @Get('thrown/store')
  @Public()
  store(): never {
    throw new StoreUnavailable(`queue full of ${SECRET}`, 7);
  }

  @Get('thrown/missing')
  @Public()
  missing(): never {
    throw new NotFoundException(`nothing of ${SECRET}`);
  }

  @Get('thrown/bad')
  @Public()
  bad(): never {
    throw new BadRequestException({ message: SECRET });
  }

  @Get('thrown/gateway')
  @Public()
  gateway(): never {
    throw new BadGatewayException(SECRET);
  }

  @Get('thrown/disguised')
  @Public()
  disguised(): never {
    throw Object.assign(new Error(SECRET), { statusCode: 400, code: 'ESOMETHING' });
  }
}

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ controllers: [Probe] });
});
afterAll(() => server.close());

const ask = (payload: unknown, headers: Record<string, string> = {}) =>
  server.send({ method: 'POST', url: '/probe/question', key: null, payload: payload as object, headers });

describe('a problem', () => {
  it('has the members of RFC 9457 and a request id that is in the headers too', async () => {
    const answer = await server.send({ url: '/nowhere' });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toEqual({
      type: 'urn:liggare:problem:not-found',
      title: 'There is nothing here',
      status: 404,
      detail: 'No resource has this address.',
      requestId: answer.headers['x-request-id'],
    });
  });

  it.each([
    ['unforeseen', 500, 'internal'],
    ['text', 500, 'internal'],
    ['disguised', 500, 'internal'],
    ['gateway', 500, 'internal'],
    ['store', 503, 'unavailable'],
    ['missing', 404, 'not-found'],
    ['bad', 400, 'bad-request'],
  ])('made of an error thrown as %s is %i, with nothing of its message in answer or log', async (name, status, type) => {
    const answer = await server.send({ url: `/probe/thrown/${name}`, key: null });
    expect([answer.statusCode, answer.json().type]).toEqual([status, `urn:liggare:problem:${type}`]);
    expect(answer.body).not.toContain(SECRET);
    expect(server.logged.join('')).not.toContain(SECRET);
    if (status === 500) expect(server.logged.join('')).toContain(answer.json().requestId);
  });

  it('tells when to try again', async () => {
    expect((await server.send({ url: '/probe/thrown/store', key: null })).headers['retry-after']).toBe('7');
  });

  it.each([
    ['/v1/keys', 'PATCH', 'GET, HEAD, POST'],
    ['/v1/keys/abc', 'GET', 'DELETE'],
    ['/schemas/X/1?a=b', 'POST', 'GET, HEAD'],
  ])('about %s with %s names the methods there are', async (url, method, allow) => {
    const answer = await server.send({ url, method });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([405, allow]);
  });

  it.each(['/%', '/%E0%A4%A', '/v1/keys/%ff', '//', '/\u0000'])(
    'about the malformed address %j is no 5xx and does not repeat it',
    async (url) => {
      const answer = await server.send({ url, method: 'DELETE' });
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.statusCode).toBeLessThan(500);
      expect(answer.json().requestId).toBe(answer.headers['x-request-id']);
    },
  );

  it('about an address part without end is 414', async () => {
    expect((await server.send({ url: `/v1/keys/${'x'.repeat(301)}`, method: 'DELETE' })).statusCode).toBe(414);
  });
});

describe('a body', () => {
  it.each([
    ['application/json', 512 * 1024],
    ['application/cloudevents+json', 256 * 1024],
    ['application/cloudevents-batch+json', 5 * 1024 * 1024],
  ])('of %s may have %i bytes and not one more', async (type, limit) => {
    const body = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    const post = (bytes: number) =>
      server.send({ method: 'POST', url: '/probe/anything', key: null, headers: { 'content-type': type }, payload: body(bytes) });
    expect((await post(limit)).statusCode).toBe(201);
    expect((await post(limit + 1)).statusCode).toBe(413);
  });

  it.each([
    ['not JSON', 'application/json', '{"a":', 400],
    ['cut UTF-8', 'application/json', Buffer.from([0x22, 0xc3, 0x22]), 400],
    ['UTF-16', 'application/json', Buffer.from('{}', 'utf16le'), 400],
    ['empty', 'application/json', '', 400],
    ['text', 'text/plain', '{}', 415],
    ['a form', 'application/x-www-form-urlencoded', 'a=b', 415],
    ['of no type', '', '{}', 415],
    ['of a broken type', ';;;', '{}', 415],
    ['another encoding', 'application/json; charset=iso-8859-1', '{}', 415],
    ['a type of another route', 'application/x-ndjson', '{}', 415],
  ])('that is %s is refused', async (_, type, payload, status) => {
    const answer = await server.send({ method: 'POST', url: '/probe/anything', key: null, headers: { 'content-type': type }, payload });
    expect(answer.statusCode).toBe(status);
  });

  it('that is compressed is refused', async () => {
    const answer = await ask('{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    expect(answer.statusCode).toBe(415);
  });

  it('that is shorter than it says is refused', async () => {
    expect((await ask('{}', { 'content-type': 'application/json', 'content-length': '3' })).statusCode).toBe(400);
  });

  it('keeps the names that its sender gave, and pollutes nothing', async () => {
    const payload = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":1}';
    const answer = await server.send({
      ...{ method: 'POST', url: '/probe/anything', key: null, payload },
      headers: { 'content-type': 'application/cloudevents+json' },
    });
    expect(answer.json()).toEqual({ names: ['__proto__', 'constructor', 'a'], polluted: null });
  });
});

describe('a DTO', () => {
  const rules = async (payload: unknown): Promise<string[]> => {
    const answer = await ask(payload, { 'content-type': 'application/json' });
    expect(answer.statusCode).toBe(400);
    return answer.json().errors.map(({ path, rule }: { path: string; rule: string }) => `${path} ${rule}`);
  };

  it('is an instance when all is well', async () => {
    expect((await ask({ order: 'asc', subjects: [{ value: 'x' }] })).json()).toEqual({ isQuestion: true });
  });

  it('names each field that is wrong by pointer and rule', async () => {
    expect(await rules({ limit: 11, subjects: [{ value: 'ok' }, { value: 5 }] })).toEqual([
      '/order required',
      '/limit max',
      '/subjects/1/value too-long',
      '/subjects/1/value string',
    ]);
  });

  it.each([
    ['null', '/'],
    ['[]', '/'],
    ['5', '/'],
    ['"text"', '/'],
    ['{"order":"asc","subject":5}', '/subject'],
    ['{"order":"asc","subject":[]}', '/subject'],
    ['{"order":"asc","subject":null,"subjects":[null]}', '/subjects'],
    ['{"order":"asc","subjects":{"length":3}}', '/subjects'],
    ['{"order":{"toString":1}}', '/'],
    ['{"order":"asc","__proto__":{"order":"asc"}}', '/'],
    ['{"order":"asc","constructor":{}}', '/'],
    ['{"order":"asc","then":1}', '/'],
    [`{"order":"asc","x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, '/'],
  ])('refuses %s', async (payload, path) => {
    const answer = await ask(payload, { 'content-type': 'application/json' });
    expect(answer.statusCode).toBe(400);
    expect(`/${answer.json().errors[0].path}`.replace('//', '/')).toContain(path);
  });

  it('names an unknown property only when its name is a name', async () => {
    expect(await rules({ order: 'asc', ordre: 1 })).toEqual(['/ordre unknown-property']);
    expect(await rules({ order: 'asc', [SECRET]: 1 })).toEqual([' unknown-property']);
    expect(await rules({ order: 'asc', '191212121212': 1 })).toEqual([' unknown-property']);
  });

  it('is never answered with what was sent', async () => {
    const planted = 'q9zplantedq9z';
    const shape = fc.object({
      key: fc.constantFrom('order', 'limit', 'subjects', 'subject', 'value', `${planted}1`),
      values: [fc.constant(planted), fc.integer()],
    });
    await fc.assert(
      fc.asyncProperty(shape, async (body) => {
        const answer = await ask(body);
        expect(answer.statusCode).toBeLessThan(500);
        expect(answer.body).not.toContain(planted);
      }),
      { numRuns: 200 },
    );
  });
});

describe('whatever is sent', () => {
  const type = fc.oneof(
    fc.constantFrom<string>(...MEDIA_TYPES),
    fc.constantFrom('text/plain', 'application/json; charset=utf-8', 'a/b;c="', ';'),
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  );
  const route = fc.constantFrom<[string, string]>(
    ...([
      ['POST', '/probe/question'],
      ['POST', '/probe/anything'],
      ['POST', '/v1/keys'],
      ['DELETE', '/v1/keys/abc'],
      ['POST', '/nowhere'],
      ['GET', '/v1/keys'],
    ] as [string, string][]),
  );

  it('is never answered with a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(route, type, body, async ([method, url], contentType, payload) => {
        const answer = await server.send({ method, url, headers: { 'content-type': contentType }, payload });
        expect(answer.statusCode).toBeLessThan(500);
        if (answer.statusCode >= 400) expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      }),
      { numRuns: 500 },
    );
  });

  it('as a query is never answered with a 5xx', async () => {
    const query = fc.oneof(
      fc.webQueryParameters(),
      fc.constantFrom('limit=0', 'limit=x', 'limit=1&limit=2', 'cursor[]=x', '__proto__=1', 'constructor=1', 'limit[a]=1'),
    );
    await fc.assert(
      fc.asyncProperty(query, async (text) => {
        expect((await server.send({ url: `/v1/keys?${text}` })).statusCode).toBeLessThan(500);
      }),
      { numRuns: 200 },
    );
  });
});

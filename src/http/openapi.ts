/** The description of this API for programs (`/openapi.json`) and people (`/docs`), made from the routes themselves. */
import { createReadStream, type ReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Injectable, Param, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiExcludeController, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Permission, scopesWith } from '../ledger/api-key/permissions.ts';
import { Public } from './auth.ts';
import { HttpProblem, PROBLEM_TYPES, type ProblemType } from './problem.ts';
import type { KnownRoute, Routes } from './routes.ts';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

const ABOUT = `Systems post processing events; compliance staff ask who processed what, of whom, when and why.

Send your API key as \`Authorization: Bearer lig_…\`. Every refusal is a problem document (RFC 9457) that names the field, the rule
and, in a batch, the index of the event; it never repeats what was sent. The schema of each event type is at \`/schemas\`.`;

const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'Problem details (RFC 9457)',
  required: ['type', 'title', 'status', 'detail', 'requestId'],
  properties: {
    type: { type: 'string', description: 'Kind of the problem', example: 'urn:liggare:problem:invalid' },
    title: { type: 'string', description: 'The kind in words', example: PROBLEM_TYPES.invalid.title },
    status: { type: 'integer', description: 'HTTP status', example: 400 },
    detail: { type: 'string', description: 'What happened this time', example: 'See errors for each field and its rule.' },
    errors: {
      type: 'array',
      description: 'What is wrong, field by field',
      items: {
        type: 'object',
        required: ['path', 'rule', 'message'],
        properties: {
          path: { type: 'string', description: 'JSON pointer (RFC 6901)', example: '/name' },
          rule: { type: 'string', description: 'Name of the rule', example: 'pattern' },
          message: { type: 'string', description: 'What is expected', example: 'must be 1 to 100 letters, digits, spaces and . _ -' },
          index: { type: 'integer', description: 'Of the event in a batch, from 0', example: 0 },
          line: { type: 'integer', description: 'In a text that was sent, such as a policy, from 1', example: 12 },
          column: { type: 'integer', description: 'In that line, from 1', example: 5 },
        },
      },
    },
    requestId: { type: 'string', description: 'Also in X-Request-Id; finds the request in the log', example: 'Zk3vQ2aB-1f' },
  },
};

/** Problems that every route may answer with, and those of routes that need a key. */
const EVERYWHERE: readonly ProblemType[] = ['invalid', 'internal', 'unavailable'];
const WITH_KEY: readonly ProblemType[] = ['unauthenticated', 'forbidden', 'too-many-requests'];
const WITH_BODY: readonly ProblemType[] = ['too-large', 'unsupported-media-type'];

/** Holds the document; made when somebody first asks for it. */
@Injectable()
export class OpenApi {
  private make: (() => OpenAPIObject) | undefined;
  private made: OpenAPIObject | undefined;

  describe(app: NestFastifyApplication, routes: Routes): void {
    this.make = () => enriched(SwaggerModule.createDocument(app, basis()), routes.all());
  }

  document(): OpenAPIObject {
    if (!this.make) throw new Error('the API was not described at the start');
    this.made ??= this.make();
    return this.made;
  }
}

function basis() {
  return new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Liggare')
    .setDescription(ABOUT)
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key' })
    .build();
}

function enriched(document: OpenAPIObject, routes: readonly KnownRoute[]): OpenAPIObject {
  document.components ??= {};
  document.components.schemas = { ...document.components.schemas, Problem: PROBLEM_SCHEMA };
  document.components.responses = Object.fromEntries(
    Object.entries(PROBLEM_TYPES).map(([type, { title }]) => [type, problemResponse(title)]),
  );
  for (const { method, url, access } of routes) {
    const path = document.paths[url.replace(/:([A-Za-z]+)/g, '{$1}').replace('*', '{path}')] as Record<string, Operation> | undefined;
    const operation = path?.[method.toLowerCase()];
    if (operation) complete(operation, access);
  }
  return document;
}

function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}

function complete(operation: Operation, access: KnownRoute['access']): void {
  const isOpen = access === 'public';
  const types = [...EVERYWHERE, ...(isOpen ? [] : WITH_KEY), ...(operation.requestBody ? WITH_BODY : [])];
  const shared = types.map((type) => [String(PROBLEM_TYPES[type].status), { $ref: `#/components/responses/${type}` }]);
  operation.responses = { ...Object.fromEntries(shared), ...operation.responses };
  operation.security = isOpen ? [] : [{ bearer: [] }];
  if (isOpen) return;
  const scopes = scopesWith(access as Permission).join(', ');
  operation.description = [operation.description, `Needs the permission \`${access}\` (scopes ${scopes}).`].filter(Boolean).join('\n\n');
}

/** The page's files, from the package that Nest's own documents use: nothing is loaded from elsewhere. */
const requireFromSwagger = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
const UI_FOLDER = dirname(requireFromSwagger.resolve('swagger-ui-dist/package.json'));

const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Liggare: API</title>
<link rel="icon" type="image/png" href="./docs/favicon-32x32.png">
<link rel="stylesheet" href="./docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<noscript>This page needs JavaScript; the same description for programs is at <a href="./openapi.json">/openapi.json</a>.</noscript>
<script src="./docs/swagger-ui-bundle.js"></script>
<script src="./docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: './openapi.json', dom_id: '#api', deepLinking: true, displayRequestDuration: true, validatorUrl: null });
`;

/** Scripts and styles from here alone. The page sets style attributes as it draws, so those are allowed; scripts in the page are not. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CACHED = 'public, max-age=3600';

@ApiExcludeController()
@Controller()
export class DocsController {
  constructor(private readonly openApi: OpenApi) {}

  @Get('openapi.json')
  @Public()
  description(@Res({ passthrough: true }) reply: FastifyReply): OpenAPIObject {
    reply.header('cache-control', CACHED);
    return this.openApi.document();
  }

  @Get('docs')
  @Public()
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY).header('cache-control', CACHED);
    return PAGE;
  }

  @Get('docs/start.js')
  @Public()
  start(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('text/javascript; charset=utf-8').header('cache-control', CACHED);
    return START;
  }

  @Get('docs/:file')
  @Public()
  file(@Param('file') file: string, @Res() reply: FastifyReply): FastifyReply {
    const type = Object.hasOwn(FILES, file) ? FILES[file] : undefined;
    if (!type) throw new HttpProblem('not-found', { detail: 'No file of this page has this name.' });
    const content: ReadStream = createReadStream(join(UI_FOLDER, file));
    return reply.type(type).header('cache-control', CACHED).send(content);
  }
}

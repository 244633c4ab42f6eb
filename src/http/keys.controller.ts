import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { ShownKey } from '../ledger/api-key/api-keys.ts';
import { CreateApiKey, ListApiKeys, RevokeApiKey } from '../ledger/api-key/commands.ts';
import {
  type ApiKeyUnknown,
  type InvalidApiKey,
  KEY_NAME,
  type LastAdminKey,
  MAX_SOURCES,
  type TooManyApiKeys,
} from '../ledger/api-key/decider.ts';
import { GRANTED_GROUPS, SCOPES, type Scope } from '../ledger/api-key/permissions.ts';
import { Caller, Needs } from './auth.ts';
import { answerError } from './problem.ts';
import { TakesNothing } from './route.ts';

answerError<InvalidApiKey>('InvalidApiKey', {
  type: 'invalid',
  detail: 'See errors for each field and its rule.',
  errors: (error) => error.problems,
});
answerError<ApiKeyUnknown>('ApiKeyUnknown', { type: 'not-found', detail: 'The ledger keeps no such API key.' });
answerError<LastAdminKey>('LastAdminKey', { type: 'conflict', detail: 'This is the last admin key: make another one first.' });
answerError<TooManyApiKeys>('TooManyApiKeys', { type: 'conflict', detail: 'There are too many active keys: revoke some first.' });

export class NewKey {
  @ApiProperty({
    description: 'What the key is for. In clear, so nobody’s name belongs here',
    example: 'billing system',
    pattern: KEY_NAME.source,
  })
  @Matches(KEY_NAME, { message: 'name must be 1 to 100 letters, digits, spaces and . _ -' })
  name!: string;

  @ApiProperty({ description: 'What the key may do', enum: SCOPES, example: 'emit' })
  @IsIn(SCOPES)
  scope!: Scope;

  @ApiPropertyOptional({
    description: 'With emit: the sources that it may report for, at least one',
    type: [String],
    example: ['urn:mailit:billing'],
    maxItems: MAX_SOURCES,
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_SOURCES)
  @IsString({ each: true })
  @MaxLength(204, { each: true })
  sources?: string[];

  @ApiPropertyOptional({
    description: 'With emit: groups of event types beyond processing, restriction, consent and the sources’ own',
    enum: GRANTED_GROUPS,
    isArray: true,
    example: ['rights'],
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(GRANTED_GROUPS.length)
  @IsIn(GRANTED_GROUPS, { each: true })
  groups?: string[];

  @ApiPropertyOptional({
    description: 'With every other scope: the one person to whom the key belongs',
    example: 'Karin Lind',
    maxLength: 200,
  })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  person?: string;
}

export class KeyShown implements ShownKey {
  @ApiProperty({ description: 'Names the key; no secret', example: 'k3v5q2abfg7h' })
  id!: string;

  @ApiProperty({ description: 'What the key is for', example: 'billing system' })
  name!: string;

  @ApiProperty({ description: 'What the key may do', enum: SCOPES, example: 'emit' })
  scope!: Scope;

  @ApiProperty({ description: 'Sources that it may report for', type: [String], example: ['urn:mailit:billing'] })
  sources!: string[];

  @ApiProperty({ description: 'Groups of event types that it was given', type: [String], example: [] })
  groups!: string[];

  @ApiPropertyOptional({
    description: 'To whom it belongs; `former staff` where that person was erased, null where the key of that person is missing',
    type: String,
    nullable: true,
    example: 'Karin Lind',
  })
  person?: string | null;

  @ApiPropertyOptional({ description: 'The person was erased', enum: [true], example: true })
  erased?: true;

  @ApiPropertyOptional({ description: 'The person has neither key nor erasure: the key store lost them', enum: [true], example: true })
  keyMissing?: true;

  @ApiProperty({ description: 'When it was made, UTC', example: '2026-03-02T09:14:07.120Z' })
  createdAt!: string;

  @ApiPropertyOptional({ description: 'When it was revoked, UTC', example: '2026-04-01T08:00:00.000Z' })
  revokedAt?: string;
}

export class KeyCreated extends KeyShown {
  @ApiProperty({ description: 'The key itself. This is the only time it is shown', example: `lig_k3v5q2abfg7h_${'x'.repeat(43)}` })
  key!: string;
}

export class KeyPage {
  @ApiProperty({ description: 'In the order in which they were made', type: [KeyShown] })
  items!: KeyShown[];

  @ApiPropertyOptional({ description: 'For the next page; absent on the last', example: 'k3v5q2abfg7h' })
  next?: string;
}

export class KeysWanted {
  @ApiPropertyOptional({ description: 'Keys a page', minimum: 1, maximum: 1000, default: 100, example: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;

  @ApiPropertyOptional({ description: '`next` of the page before', example: 'k3v5q2abfg7h' })
  @IsOptional()
  @Matches(/^[a-z2-7]{12}$/, { message: 'cursor must be the next of a page before' })
  cursor?: string;

  @ApiPropertyOptional({ description: 'Whether revoked keys are listed too', enum: ['true', 'false'], example: 'false' })
  @IsOptional()
  @IsIn(['true', 'false'])
  revoked?: 'true' | 'false';
}

@ApiTags('keys')
@Controller('v1/keys')
export class KeysController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  @Needs('keys')
  @ApiOperation({ summary: 'Make an API key' })
  @ApiCreatedResponse({ type: KeyCreated })
  create(@Body() { name, scope, sources = [], groups = [], person }: NewKey, @Caller() caller: Caller): Promise<KeyCreated> {
    const wanted = { name, scope, sources, groups, ...(person !== undefined && { person }) };
    return this.commands.execute(new CreateApiKey(wanted, caller, Date.now())) as Promise<KeyCreated>;
  }

  @Get()
  @Needs('keys')
  @ApiOperation({ summary: 'List API keys, without their secrets' })
  @ApiOkResponse({ type: KeyPage })
  list(@Query() { limit = 100, cursor, revoked }: KeysWanted): Promise<KeyPage> {
    const options = { limit, revoked: revoked === 'true', ...(cursor !== undefined && { after: cursor }) };
    return this.queries.execute(new ListApiKeys(options)) as Promise<KeyPage>;
  }

  @Delete(':id')
  @HttpCode(204)
  @Needs('keys')
  @TakesNothing()
  @ApiOperation({ summary: 'Revoke an API key, at once and for good' })
  @ApiParam({ name: 'id', example: 'k3v5q2abfg7h' })
  @ApiNoContentResponse({ description: 'Revoked, now or before' })
  async revoke(@Param('id') id: string, @Caller() caller: Caller): Promise<void> {
    await this.commands.execute(new RevokeApiKey(id, caller, Date.now()));
  }
}

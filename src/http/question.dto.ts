import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { REFERENCE_PATTERN } from '../ledger/entry.ts';

/** A value or a list of them: the list it means. */
export const asList = ({ value }: { value: unknown }) => (value === undefined || Array.isArray(value) ? value : [value]);

export const MAX_VALUES = 100;

/** One value of an axis, or up to 100 of which any may hold. */
export function Axis(description: string, example: unknown): PropertyDecorator {
  return (target, property) => {
    ApiPropertyOptional({
      description: `${description} One value, or up to ${MAX_VALUES} of which any may hold.`,
      oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, maxItems: MAX_VALUES }],
      example,
    })(target, property);
    IsOptional()(target, property);
    Transform(asList)(target, property);
    IsArray()(target, property);
    ArrayMinSize(1)(target, property);
    ArrayMaxSize(MAX_VALUES)(target, property);
    IsString({ each: true })(target, property);
    Length(1, 1024, { each: true })(target, property);
  };
}

/** A date-time with an offset, or a date. */
export const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

export class SubjectAxis {
  @ApiPropertyOptional({ description: 'The scheme of the identifier.', example: 'customer-number' })
  @ValidateIf((subject: SubjectAxis) => subject.reference == null)
  @IsString()
  @Matches(/^[a-z0-9-]{1,40}$/)
  scheme?: string;

  @ApiPropertyOptional({
    description: 'The identifier. It is looked up in its normalised form and is never stored by asking.',
    example: '10027',
  })
  @ValidateIf((subject: SubjectAxis) => subject.reference == null)
  @IsString()
  @Length(1, 1024)
  value?: string;

  @ApiPropertyOptional({
    description: "Instead of an identifier: the person's reference, as an answer showed it.",
    example: 'q83vEjRWeJCrze8SNFZ4kA',
  })
  @IsOptional()
  @IsString()
  @Matches(REFERENCE_PATTERN)
  reference?: string;
}

@ApiExtraModels(SubjectAxis)
export class About {
  @ApiPropertyOptional({
    description: 'The data subject asked about: `{scheme, value}` or `{reference}`. One, or up to 100.',
    oneOf: [{ $ref: getSchemaPath(SubjectAxis) }, { type: 'array', items: { $ref: getSchemaPath(SubjectAxis) }, maxItems: MAX_VALUES }],
    example: { scheme: 'customer-number', value: '10027' },
  })
  @IsOptional()
  @Type(() => SubjectAxis)
  @Transform(asList)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_VALUES)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  subject?: SubjectAxis[];

  @Axis("Who acted: the actor's id, or the reference that an answer showed.", 'anna.berg')
  actor?: string[];

  @Axis("The recipient's id; `data-subject` for what went to the person.", 'skatteverket')
  recipient?: string[];

  @Axis('The system in which it happened.', 'billing')
  system?: string[];

  @Axis('The source that reported it.', 'urn:mailit:billing')
  source?: string[];

  @Axis('The purpose.', 'tax-reporting')
  purpose?: string[];

  @Axis('A category of personal data.', 'organisation-number')
  category?: string[];

  @Axis('The type of the event.', 'PersonalDataDisclosed')
  type?: string[];

  @Axis('The legal basis.', '6(1)(c)')
  legalBasis?: string[];

  @Axis('The case it belongs to.', 'VAT-2026-02')
  caseRef?: string[];

  @Axis('The country (ISO 3166-1 alpha-2) in which it happened.', 'SE')
  country?: string[];

  @ApiPropertyOptional({
    description: 'Happened at or after: a date-time with an offset, or a date (its start in UTC).',
    example: '2026-03-01T00:00:00Z',
  })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  from?: string;

  @ApiPropertyOptional({
    description: 'Happened before (exclusive): a date-time with an offset, or a date (its start in UTC).',
    example: '2026-04-01T00:00:00Z',
  })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  to?: string;
}

export class ReasonDto {
  @ApiProperty({ description: 'Why it is asked: the code of a purpose. Recorded with the question.', example: 'rights-fulfilment' })
  @IsDefined()
  @IsString()
  @Matches(/^[a-z0-9-]{1,40}$/)
  purpose!: string;

  @ApiPropertyOptional({ description: 'The case that it is asked for; kept sealed.', example: 'DSAR-2026-017' })
  @IsOptional()
  @IsString()
  @Length(1, 1024)
  caseRef?: string;
}

export class QuestionDto {
  @ApiPropertyOptional({ description: 'What it is about. All axes combine; without any it is about everything.', type: About })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => About)
  about?: About;

  @ApiPropertyOptional({
    description: 'As the ledger stood then: a date-time with an offset, or a date (its end in UTC).',
    example: '2026-03-31',
  })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  asOf?: string;

  @ApiProperty({ description: 'Why it is asked. Every question about people is itself recorded.', type: ReasonDto })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ReasonDto)
  reason!: ReasonDto;

  @ApiPropertyOptional({ description: 'By `time`, then `position`.', enum: ['asc', 'desc'], default: 'desc', example: 'desc' })
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';

  @ApiPropertyOptional({ description: 'Items a page.', minimum: 1, maximum: 1000, default: 50, example: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;

  @ApiPropertyOptional({
    description: 'The `next` of the page before; the rest of the question must be the same.',
    example: 'eyJwIjo0MTJ9.q83vEjRWeJA',
  })
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  cursor?: string;

  @ApiPropertyOptional({
    description: 'Wait, at most the configured time, until the read side has reached this position.',
    minimum: 0,
    example: 412,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number;
}

export class TimelineDto extends QuestionDto {
  @ApiPropertyOptional({
    description:
      "Whether each item tells its leaf of the log's tree (`leafIndex`), and the answer about one person how many leaves concern them (`completeness`).",
    default: false,
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  leaves?: boolean;
}

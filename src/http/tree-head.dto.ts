import { ApiProperty } from '@nestjs/swagger';
import type { PublishedHead } from '../transparency/transparency-log.ts';

/** The examples of the documentation hold: key, head and signature belong together. */
export const EXAMPLE = {
  origin: 'ledger.example/mailit/1',
  root: 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=',
  vkey: 'ledger.example/mailit/1+a7ae5f8d+AUvq3isjNDC5cYuqzs8P4FHLIqILbXmlqfxa2HOI4vc8',
  note:
    'ledger.example/mailit/1\n415\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
    '— ledger.example/mailit/1 p65fjWtivve/U3HUgA+ZjjAdX2+F5RxBj2P4GDFymTCLVtW0uSlRn+yKVqnFg6zjuzLwI1UHu3fRrIpCbb1SqK4PMwo=\n',
};

/** The tree head under which something is proven. */
export class TreeHeadDto {
  @ApiProperty({ description: 'Origin line: whose tree it is.', example: EXAMPLE.origin })
  origin!: string;

  @ApiProperty({ description: 'Leaves: events that it covers.', example: 415 })
  size!: number;

  @ApiProperty({ description: 'Root of the tree, base64.', example: EXAMPLE.root })
  root!: string;

  @ApiProperty({ description: 'When it was signed, UTC.', example: '2026-03-02T09:14:10.000Z' })
  signedAt!: string;

  @ApiProperty({
    description: 'The signed note (C2SP tlog-checkpoint), with the cosignatures of witnesses that have come so far.',
    example: EXAMPLE.note,
  })
  note!: string;

  @ApiProperty({ description: 'Names of the witnesses that cosigned it.', type: [String], example: ['witness.example/w1'] })
  witnesses!: string[];
}

export function treeHeadOf({ origin, size, root, signedAt, published, witnesses }: PublishedHead): TreeHeadDto {
  return { origin, size, root: root.toString('base64'), signedAt, note: published, witnesses };
}

import { ApiProperty } from '@nestjs/swagger';
import type { PublishedHead } from '../transparency/transparency-log.ts';

const ORIGIN = 'ledger.example/mailit/1';
const ROOT = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
export const NOTE_EXAMPLE = `${ORIGIN}\n415\n${ROOT}\n\n— ${ORIGIN} Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n`;

/** The tree head under which something is proven. */
export class TreeHeadDto {
  @ApiProperty({ description: 'Origin line: whose tree it is.', example: ORIGIN })
  origin!: string;

  @ApiProperty({ description: 'Leaves: events that it covers.', example: 415 })
  size!: number;

  @ApiProperty({ description: 'Root of the tree, base64.', example: ROOT })
  root!: string;

  @ApiProperty({ description: 'When it was signed, UTC.', example: '2026-03-02T09:14:10.000Z' })
  signedAt!: string;

  @ApiProperty({
    description: 'The signed note (C2SP tlog-checkpoint), with the cosignatures of witnesses that have come so far.',
    example: NOTE_EXAMPLE,
  })
  note!: string;

  @ApiProperty({ description: 'Names of the witnesses that cosigned it.', type: [String], example: ['witness.example/w1'] })
  witnesses!: string[];
}

export function treeHeadOf({ origin, size, root, signedAt, published, witnesses }: PublishedHead): TreeHeadDto {
  return { origin, size, root: root.toString('base64'), signedAt, note: published, witnesses };
}

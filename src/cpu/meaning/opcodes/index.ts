import type { Row } from '../../decode/row.js';
import { CRYPTOGRAPHY_ROWS } from './cryptography.js';
import { GENERAL_ROWS } from './general.js';
import { MMX_ROWS } from './mmx.js';
import type { RowDraft } from './row-syntax.js';
import { SSE_ROWS } from './sse.js';
import { SSE4_ROWS } from './sse4.js';
import { AVX_INTEGER_ROWS } from './avx-integer.js';
import { AVX_ROWS, F16C_ROWS } from './avx.js';
import { FMA_ROWS } from './fma.js';
import { SYSTEM_ROWS } from './system.js';
import { X87_ROWS } from './x87.js';

/** The opcode table: all instructions; each row's index is its number. */
export const OPCODES: readonly Row[] = [
  ...GENERAL_ROWS,
  ...SSE_ROWS,
  ...SSE4_ROWS,
  ...CRYPTOGRAPHY_ROWS,
  ...MMX_ROWS,
  ...AVX_ROWS,
  ...AVX_INTEGER_ROWS,
  ...F16C_ROWS,
  ...FMA_ROWS,
  ...SYSTEM_ROWS,
  ...X87_ROWS,
].map((draft: RowDraft, id: number): Row => ({ ...draft, id }));

import type { RowDraft } from './row-syntax.js';

export const SSE_ROWS: RowDraft[] = [].flat();
